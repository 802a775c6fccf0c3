"""Concurrent requests are answered together: the texts that arrive while a batch runs are the next batch.

Predicting eight texts takes about as long as predicting one, so under load a batch grows and the rate with it, while a
single request waits for nothing. A request with many texts is taken in pieces, in turn with the others, so that it does
not hold them up. The bits of a prediction do not depend on the batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from lstmctl.model.classifier import Classifier, Prediction
from lstmctl.serving.threads import SideThread

BATCH_TEXTS = 64  # longer batches would only make the others wait
BATCH_CHARACTERS = 16_384  # or fewer texts, where they are long
_PIECE = 16  # texts that a request contributes at a turn

_Piece = tuple["_Job", int, list[str]]  # the job, the index of its first text, and the texts


@dataclass(eq=False)
class _Job:
    """The texts of one request, and the predictions so far."""

    classifier: Classifier
    texts: list[str]
    threshold: float | None
    done: "asyncio.Future[None]"
    taken: int = 0
    predictions: list[Prediction] = field(default_factory=list)


class Batcher:
    """Predicts in one thread, for requests of one event loop. `watch` is called with the number of texts of a batch."""

    def __init__(self, watch: Callable[[int], None] = lambda texts: None) -> None:
        self._thread = SideThread("predictions")
        self._jobs: deque[_Job] = deque()
        self._running = False
        self._watch = watch

    async def predict(self, classifier: Classifier, texts: list[str], threshold: float | None) -> list[Prediction]:
        """The predictions for the texts, as `Classifier.predict`. Cancelling it drops the texts that are not taken."""
        if not texts:
            return []
        job = _Job(classifier, texts, threshold, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        if not self._running:
            self._start()
        await job.done
        return job.predictions

    def stop(self) -> None:
        """End the thread."""
        self._thread.stop()

    def _start(self) -> None:
        pieces = self._next_pieces()
        self._running = bool(pieces)
        if pieces:
            self._watch(sum(len(texts) for _, _, texts in pieces))
            batch = self._thread.run(partial(_predict_pieces, pieces))
            batch.add_done_callback(partial(self._finish, pieces))

    def _next_pieces(self) -> list[_Piece]:
        """Texts for a batch, in turn from the requests that wait, all for one model."""
        pieces: list[_Piece] = []
        texts = characters = 0
        for _ in range(len(self._jobs)):
            job = self._jobs[0]
            if job.done.done():  # cancelled, or failed
                self._jobs.popleft()
                continue
            if pieces and job.classifier is not pieces[0][0].classifier:
                break
            self._jobs.popleft()
            piece: list[str] = []
            for text in job.texts[job.taken : job.taken + _PIECE]:
                if texts and (texts == BATCH_TEXTS or characters + len(text) > BATCH_CHARACTERS):
                    break
                piece.append(text)
                texts, characters = texts + 1, characters + len(text)
            if piece:
                pieces.append((job, job.taken, piece))
                job.taken += len(piece)
            if job.taken < len(job.texts):
                if not piece:
                    self._jobs.appendleft(job)  # it is the first of the next batch
                    break
                self._jobs.append(job)
        return pieces

    def _finish(self, pieces: list[_Piece], batch: "asyncio.Future[list[list[Prediction]]]") -> None:
        self._start()  # the thread is busy again while the loop writes answers
        error = batch.exception()
        for (job, _, _), predictions in zip(pieces, [[]] * len(pieces) if error else batch.result(), strict=True):
            if job.done.done():
                continue
            if error is not None:
                job.done.set_exception(error)
                continue
            job.predictions += predictions
            if len(job.predictions) == len(job.texts):
                job.done.set_result(None)


def _predict_pieces(pieces: list[_Piece]) -> list[list[Prediction]]:
    """The predictions of each piece; probabilities are computed for all texts together."""
    classifier = pieces[0][0].classifier
    encoded = [[classifier.encode(text) for text in texts] for _, _, texts in pieces]
    probabilities = classifier.probabilities([text.ids for piece in encoded for text in piece])
    predictions, start = [], 0
    for (job, _, _), piece in zip(pieces, encoded, strict=True):
        rows = probabilities[start : start + len(piece)]
        predictions.append(classifier.predictions(piece, rows, threshold=job.threshold))
        start += len(piece)
    return predictions
