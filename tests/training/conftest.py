"""TensorFlow's number of threads can be set only once per process: here, before the first test that uses it."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def threads():
    from lstmctl.training.framework import BackgroundImport, use_threads

    BackgroundImport().wait()
    return use_threads(None)
