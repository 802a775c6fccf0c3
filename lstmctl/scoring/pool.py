"""Many texts: answered in batches, by processes side by side, and given back in the order in which they came.

An answer is whatever a function makes of a text: a prediction, or an explanation.
Processes rather than threads, because reading words holds Python's lock. They are forked off this one where that is
safe, so they share its weights, and started only once a whole batch is there: a few texts are answered sooner alone.
What is answered does not depend on how many there are, nor on how texts fall into batches.
"""

import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import suppress
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from lstmctl.errors import StorageError

BATCH = 512  # texts
BATCH_CHARACTERS = 2**22  # or fewer texts, where they are long
_BATCHES_PER_WORKER = 2  # batches that a process has: one to answer, and the next one
_AHEAD = 4  # batches for each process that are taken before older ones are answered

T = TypeVar("T")  # what comes with a text
A = TypeVar("A")  # an answer
I = TypeVar("I", bound=Sized)  # noqa: E741  # an item of work
ParallelMap = Callable[[Any, Iterable[Any]], Iterator[Any]]  # (work, items) → what it makes of them: see `each`


class WorkerPool(Generic[T, A]):
    """Answers texts, with `jobs` processes. A text is known by whatever comes with it.

    `answer` makes one answer of each text. Processes are given `batch` texts at a time.

    A context: at its end, or when it is left by an error, the processes are gone.
    """

    def __init__(self, answer: Callable[[list[Any]], list[A]], *, jobs: int, batch: int = BATCH) -> None:
        self._answer, self._jobs, self._batch = answer, jobs, batch
        self._workers: list[Worker[A]] = []
        self._texts: list[Any] = []  # not yet a whole batch
        self._items: list[T] = []
        self._characters = 0
        self._queue: deque[tuple[int, list[Any]]] = deque()  # batches not yet given to a process
        self._unanswered: deque[list[T]] = deque()  # what came with the batches not yet given back
        self._answers: dict[int, list[A]] = {}  # of those, by number
        self._first = 0  # number of the first of them

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.stop()

    def put(self, item: T, text: Sized) -> list[tuple[T, A]]:
        """Take a text; what is answered by now, in order. Waits while too much lies ready."""
        self._items.append(item)
        self._texts.append(text)
        self._characters += len(text)
        if len(self._texts) < self._batch and self._characters < BATCH_CHARACTERS:
            return []
        if self._jobs > 1 and not self._workers:
            self._start()
        self._close_batch()
        while len(self._unanswered) - len(self._answers) > _AHEAD * len(self._workers):
            self._pass_on(wait=True)
        return self._in_order()

    def finish(self) -> list[tuple[T, A]]:
        """The rest of the answers. More texts may follow."""
        return list(self.rest())

    def rest(self) -> Iterator[tuple[T, A]]:
        """The same, each as soon as it and those before are there."""
        if self._texts:
            self._close_batch()
        while self._unanswered:
            if self._first not in self._answers:
                self._pass_on(wait=True)
            yield from self._in_order()

    def _close_batch(self) -> None:
        """Have the texts answered that are there."""
        number, texts = self._first + len(self._unanswered), self._texts
        self._unanswered.append(self._items)
        self._items, self._texts, self._characters = [], [], 0
        if self._workers:
            self._queue.append((number, texts))
            self._pass_on(wait=False)
        else:
            self._answers[number] = self._answer(texts)

    def _start(self) -> None:
        for _ in range(self._jobs):
            others = [worker.connection for worker in self._workers]
            self._workers.append(Worker(self._answer, others))

    def _pass_on(self, *, wait: bool) -> None:
        """Give batches to processes that can take one, and take what they have answered."""
        for worker in sorted(self._workers, key=lambda worker: len(worker.numbers)):
            while self._queue and len(worker.numbers) < _BATCHES_PER_WORKER:
                worker.send(*self._queue.popleft())
        busy = {worker.connection: worker for worker in self._workers if worker.numbers}
        for ready in connection.wait(list(busy), None if wait else 0):
            number, answers = busy[ready].receive()  # type: ignore[index]
            self._answers[number] = answers

    def _in_order(self) -> list[tuple[T, A]]:
        done: list[tuple[T, A]] = []
        while self._first in self._answers:
            done += zip(self._unanswered.popleft(), self._answers.pop(self._first), strict=True)
            self._first += 1
        return done


def parallel_map(work: Callable[[I], A], items: Iterable[I], *, jobs: int) -> Iterator[A]:
    """What `work` makes of items that are a lot of work each, in order, while items still come. Where a process is gone
    before its work is done, that is a StorageError.

    The same on a cluster is `lstmctl.cluster`.
    """
    with WorkerPool[None, A](_MapBatch(work), jobs=jobs, batch=1) as bulk:
        for item in items:
            yield from (answer for _, answer in bulk.put(None, item))
        yield from (answer for _, answer in bulk.rest())


def map_texts(each: ParallelMap, answer: Callable[[list[Any]], list[A]], texts: Sequence[str]) -> list[A]:
    """The answers to texts that are all there, by whatever has the work done: `each` with its jobs, or a cluster."""
    batches = list(_batches(texts))
    if len(batches) <= 1:  # sooner done than given away
        return answer(list(texts))
    answered: dict[int, list[A]] = dict(each(_Numbered(answer), batches))
    return [one for start, _ in batches for one in answered[start]]


def _batches(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """The texts in batches, each with the place of its first."""
    start = size = 0
    for stop, text in enumerate(texts, start=1):
        size += len(text)
        if stop - start == BATCH or size >= BATCH_CHARACTERS or stop == len(texts):
            yield start, texts[start:stop]
            start, size = stop, 0


class _Numbered(Generic[A]):
    """A function of texts, for numbered ones."""

    def __init__(self, answer: Callable[[list[Any]], list[A]]) -> None:
        self._answer = answer

    def __call__(self, batch: tuple[int, list[str]]) -> tuple[int, list[A]]:
        return batch[0], self._answer(batch[1])


class _MapBatch(Generic[I, A]):
    """A function of lists made of one of items; a class, because a process that is not forked is sent it."""

    def __init__(self, work: Callable[[I], A]) -> None:
        self._work = work

    def __call__(self, items: list[I]) -> list[A]:
        return [self._work(item) for item in items]


class Worker(Generic[A]):
    """A process that answers batches; `numbers` are of those it has."""

    def __init__(self, answer: Callable[[list[Any]], list[A]], others: list[Connection]) -> None:
        forked = sys.platform == "linux"  # macOS forbids a fork to use its own libraries
        context = get_context("fork") if forked else get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.numbers: deque[int] = deque()
        inherited = [*others, self.connection] if forked else []
        arguments = (answer, theirs, inherited)
        self._process = context.Process(target=_answer_batches, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def send(self, number: int, texts: list[Any]) -> None:
        """Give it a batch."""
        self.numbers.append(number)
        try:
            self.connection.send(texts)
        except OSError as error:
            raise self._gone() from error

    def receive(self) -> tuple[int, list[A]]:
        """The number of its oldest batch, and the answers."""
        try:
            answers: list[A] = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._gone() from error
        return self.numbers.popleft(), answers

    def stop(self) -> None:
        """End it, whatever it does: it has nothing to lose."""
        self.connection.close()
        self._process.kill()
        self._process.join()

    def _gone(self) -> StorageError:
        self._process.join(1)
        status = self._process.exitcode
        return StorageError(
            f"a process that answered texts is gone (status {status})", hint="was memory short? -j 1 takes less"
        )


def _answer_batches(answer: Callable[[list[Any]], list[A]], pipe: Connection, inherited: list[Connection]) -> None:
    """The whole life of a worker: until the other end of the pipe is closed, which happens however its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends the others
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for other in inherited:  # or it would itself hold open what shall close when the parent ends
        other.close()
    batches: SimpleQueue[list[Any] | None] = SimpleQueue()
    # Taken off the pipe while the batch before is answered: nobody waits for anyone who waits for him.
    Thread(target=_take, args=(pipe, batches), daemon=True).start()
    with suppress(OSError):
        while (texts := batches.get()) is not None:
            pipe.send(answer(texts))


def _take(pipe: Connection, batches: "SimpleQueue[list[Any] | None]") -> None:
    with suppress(EOFError, OSError):
        while True:
            batches.put(pipe.recv())
    batches.put(None)
