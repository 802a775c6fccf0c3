"""TensorFlow can be told its number of threads once in a process: here before the first test that computes with it."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def threads():
    from lstmctl.training.framework import import_in_background, use_threads

    import_in_background().wait()
    return use_threads(None)
