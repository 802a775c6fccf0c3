"""Worker processes: order, batches, and the choice of an engine."""

import os
from pathlib import Path

import pytest

from lstmctl.errors import UsageError
from lstmctl.process import cores
from lstmctl.scoring import open_pool
from lstmctl.scoring.pool import BATCH, WorkerPool, map_texts, parallel_map, worker_count


def lengths(texts):
    return [len(text) for text in texts]


def length_and_process(text):
    return len(text), os.getpid()


@pytest.mark.parametrize("jobs", [1, 3])
def test_pool_keeps_order(jobs):
    """With more texts than a batch, twice."""
    texts = ["x" * (number % 7) for number in range(2 * BATCH + 5)]
    with WorkerPool(lengths, jobs=jobs) as pool:
        for _ in range(2):
            results = [pair for number, text in enumerate(texts) for pair in pool.put(number, text)]
            results += pool.drain()
            assert results == list(enumerate(map(len, texts)))


def test_parallel_map_uses_other_processes_in_order():
    results = list(parallel_map(length_and_process, ["x" * number for number in range(20)], jobs=2))
    assert [length for length, _ in results] == list(range(20))
    assert os.getpid() not in {process for _, process in results}


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1, 3 * BATCH])
def test_map_texts_accepts_results_in_any_order(count):
    def run_backwards(work, items):
        return map(work, reversed(list(items)))

    texts = ["x" * (number % 11) for number in range(count)]
    assert map_texts(run_backwards, lengths, texts) == lengths(texts)


def test_open_pool_runs_locally():
    with open_pool(jobs=2) as run:
        assert list(run(len, ["", "a", "bc"])) == [0, 1, 2]


def test_ray_address_needs_ray():
    with pytest.raises(UsageError, match="--ray-address needs --engine ray"):
        open_pool("local", address="auto")


def test_worker_count():
    assert (worker_count(None), worker_count(1024)) == (cores(), 1024)
    for jobs in (0, -1, 1025):
        with pytest.raises(UsageError, match="--jobs must be 1 to 1,024"):
            worker_count(jobs)


def test_no_worker_is_left(tmp_path):
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if not children.exists():
        pytest.skip("needs /proc")
    before = children.read_text()
    with pytest.raises(ZeroDivisionError), WorkerPool(lengths, jobs=2, batch=1) as pool:
        pool.put(0, "x")
        assert children.read_text() != before
        raise ZeroDivisionError
    assert children.read_text() == before
