import pytest


@pytest.fixture(autouse=True)
def fast_disk(no_fsync: None) -> None:
    """No test here waits for the disk."""
