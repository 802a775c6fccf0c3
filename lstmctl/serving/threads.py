"""One thread beside the event loop. It never keeps the process from ending, unlike those of `concurrent.futures`."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

R = TypeVar("R")
_Task = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class SideThread:
    """Runs functions one after the other; to be used from one event loop."""

    def __init__(self, name: str) -> None:
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        Thread(target=self._work, name=name, daemon=True).start()

    def run(self, function: Callable[[], R]) -> "asyncio.Future[R]":
        """The future result of a function. If the future is cancelled before its turn, the function is not called."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._tasks.put((function, future, loop))
        return future

    def stop(self) -> None:
        """End the thread after what it has been given."""
        self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            function, future, loop = task
            if future.cancelled():
                continue
            try:
                result, error = function(), None
            except Exception as caught:
                result, error = None, caught
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_settle, future, result, error)
            del task, function, future, result, error


def _settle(future: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if future.done():  # its request took too long
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
