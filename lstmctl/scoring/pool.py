"""Many texts in batches on worker processes; results come back in the order of the texts.

`WorkerPool` takes texts one by one, `parallel_map` items that are a lot of work each, `map_texts` a list of texts.

Processes rather than threads, because tokenizing holds Python's global lock. They are forked where that is safe, so
they share this process's weights, and start only with the first full batch: a few texts are predicted sooner without
them. Results do not depend on the number of processes, nor on how texts fall into batches.
"""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import AbstractContextManager, suppress
from functools import partial
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, Self, TypeVar

from lstmctl import memory
from lstmctl.errors import ExitCode, StorageError, UsageError
from lstmctl.process import cores, safe_path_for_children

BATCH = 512  # texts
BATCH_CHARACTERS = 2**22  # or fewer texts, where they are long
_BATCHES_PER_WORKER = 2  # one that it works on, and the next one
_SHORT_OF_MEMORY = int(ExitCode.IO)  # exit status of a worker
_AHEAD = 4  # unfinished batches per worker before `put` waits

T = TypeVar("T")  # identifies a text: its row, for example
R = TypeVar("R")  # the result for a text
I = TypeVar("I", bound=Sized)  # noqa: E741  # an item of `parallel_map`
ParallelMap = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]  # (work, items) → results, in any order
ParallelMapContext = AbstractContextManager[ParallelMap]  # of `open_pool`


def worker_count(jobs: int | None) -> int:
    """The number of worker processes for `-j`, None being one per core; raises UsageError if it is out of range."""
    if jobs is None:
        return cores()
    if not 1 <= jobs <= 1024:
        raise UsageError(f"--jobs must be 1 to 1,024, not {jobs}")
    return jobs


class WorkerPool(Generic[T, R]):
    """Applies `work`, a function from a list of texts to a list of results, in batches on `jobs` processes.

    Use it as a context manager: its processes end with the context, however that is left. If a worker process ends
    before, its methods raise StorageError.
    """

    def __init__(self, work: Callable[[list[Any]], list[R]], *, jobs: int, batch: int = BATCH) -> None:
        self._work, self._jobs, self._batch = work, jobs, batch
        self._workers: list[_Worker[R]] = []
        self._texts: list[Any] = []  # less than a batch
        self._keys: list[T] = []  # of these texts
        self._characters = 0
        self._queue: deque[tuple[int, list[Any]]] = deque()  # numbered batches that no worker has yet
        self._pending: deque[list[T]] = deque()  # keys of the batches that were not returned yet
        self._results: dict[int, list[R]] = {}  # of finished batches, by number
        self._first = 0  # number of the first pending batch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.stop()

    def put(self, key: T, text: Sized) -> list[tuple[T, R]]:
        """Add a text; the next results in order that are ready, with their keys. Waits while too many are pending."""
        self._keys.append(key)
        self._texts.append(text)
        self._characters += len(text)
        if len(self._texts) < self._batch and self._characters < BATCH_CHARACTERS:
            return []
        while self._jobs > max(1, len(self._workers)):
            self._workers.append(_Worker(self._work, others=[worker.connection for worker in self._workers]))
        self._close_batch()
        while len(self._pending) - len(self._results) > _AHEAD * len(self._workers):
            self._exchange(wait=True)
        return self._take_ordered()

    def drain(self) -> Iterator[tuple[T, R]]:
        """The results of all texts added so far, each as soon as it is next in order. More texts may be added later."""
        if self._texts:
            self._close_batch()
        while self._pending:
            if self._first not in self._results:
                self._exchange(wait=True)
            yield from self._take_ordered()

    def _close_batch(self) -> None:
        number, texts = self._first + len(self._pending), self._texts
        self._pending.append(self._keys)
        self._keys, self._texts, self._characters = [], [], 0
        if self._workers:
            self._queue.append((number, texts))
            self._exchange(wait=False)
        else:
            self._results[number] = self._work(texts)

    def _exchange(self, *, wait: bool) -> None:
        """Send batches to workers that have room, and receive what they have finished."""
        for worker in sorted(self._workers, key=lambda worker: len(worker.numbers)):
            while self._queue and len(worker.numbers) < _BATCHES_PER_WORKER:
                worker.send(*self._queue.popleft())
        busy = {worker.connection: worker for worker in self._workers if worker.numbers}
        for ready in connection.wait(list(busy), None if wait else 0):
            number, results = busy[ready].receive()  # type: ignore[index]
            self._results[number] = results

    def _take_ordered(self) -> list[tuple[T, R]]:
        done: list[tuple[T, R]] = []
        while self._first in self._results:
            done += zip(self._pending.popleft(), self._results.pop(self._first), strict=True)
            self._first += 1
        return done


def parallel_map(work: Callable[[I], R], items: Iterable[I], *, jobs: int) -> Iterator[R]:
    """`work` of each item, in order, while items are still being produced. For items that are a lot of work each."""
    with WorkerPool[None, R](partial(_apply_each, work), jobs=jobs, batch=1) as pool:
        for item in items:
            yield from (result for _, result in pool.put(None, item))
        yield from (result for _, result in pool.drain())


def map_texts(run: ParallelMap, work: Callable[[list[Any]], list[R]], texts: Sequence[str]) -> list[R]:
    """`work`, a function from a list of texts to a list of results, of all texts: in batches, by way of `run`."""
    batches = list(_split(texts))
    if len(batches) <= 1:  # done sooner than handed over
        return work(list(texts))
    results: dict[int, list[R]] = dict(run(partial(_apply_numbered, work), batches))
    return [result for start, _ in batches for result in results[start]]


def _split(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """The texts in batches, each with the index of its first."""
    start = size = 0
    for stop, text in enumerate(texts, start=1):
        size += len(text)
        if stop - start == BATCH or size >= BATCH_CHARACTERS or stop == len(texts):
            yield start, texts[start:stop]
            start, size = stop, 0


# Not closures: a worker that is not forked is sent its function by pickle.


def _apply_numbered(work: Callable[[list[Any]], list[R]], batch: tuple[int, list[str]]) -> tuple[int, list[R]]:
    return batch[0], work(batch[1])


def _apply_each(work: Callable[[I], R], items: list[I]) -> list[R]:
    return [work(item) for item in items]


class _Worker(Generic[R]):
    """A process that works on batches; `numbers` are those it has been sent and has not returned."""

    def __init__(self, work: Callable[[list[Any]], list[R]], others: list[Connection]) -> None:
        forked = sys.platform == "linux"  # macOS does not let a forked process use its system libraries
        context = get_context("fork") if forked else get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.numbers: deque[int] = deque()
        inherited = [*others, self.connection] if forked else []
        self._process = context.Process(target=_run_worker, args=(work, theirs, inherited), daemon=True)
        with safe_path_for_children():
            self._process.start()
        theirs.close()

    def send(self, number: int, texts: list[Any]) -> None:
        self.numbers.append(number)
        try:
            self.connection.send(texts)
        except OSError as error:
            raise self._lost() from error

    def receive(self) -> tuple[int, list[R]]:
        """The number of its oldest batch, and the results."""
        try:
            results: list[R] = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        return self.numbers.popleft(), results

    def stop(self) -> None:
        """End it at once: it has nothing to lose."""
        self.connection.close()
        self._process.kill()
        self._process.join()

    def _lost(self) -> StorageError:
        self._process.join(1)
        status = self._process.exitcode
        if status in (_SHORT_OF_MEMORY, -signal.SIGKILL, -signal.SIGABRT):
            how = "was killed (signal 9)" if status == -signal.SIGKILL else "ended"
            return StorageError(f"a worker process {how}: was memory short?", hint="-j 1 needs less")
        message = f"a worker process ended unexpectedly (status {status})"
        return StorageError(message, hint="if memory ran out, -j 1 needs less")


def _run_worker(work: Callable[[list[Any]], list[R]], pipe: Connection, inherited: list[Connection]) -> None:
    """The life of a worker. A lack of memory is told by its exit status, where a traceback would be printed."""
    try:
        _work_on_batches(work, pipe, inherited)
    except Exception as error:
        if memory.was_short(error):
            os._exit(_SHORT_OF_MEMORY)
        raise


def _work_on_batches(work: Callable[[list[Any]], list[R]], pipe: Connection, inherited: list[Connection]) -> None:
    """Work until the other end of the pipe closes, which happens however its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent ends the others
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for other in inherited:  # left open, they would keep pipes open that must close when the parent ends
        other.close()
    batches: SimpleQueue[list[Any] | None] = SimpleQueue()
    # A thread reads the pipe during the work on the batch before, so that parent and worker never both wait to write.
    Thread(target=_receive_batches, args=(pipe, batches), daemon=True).start()
    with suppress(OSError):
        while (texts := batches.get()) is not None:
            pipe.send(work(texts))


def _receive_batches(pipe: Connection, batches: "SimpleQueue[list[Any] | None]") -> None:
    with suppress(EOFError, OSError):
        while True:
            batches.put(pipe.recv())
    batches.put(None)
