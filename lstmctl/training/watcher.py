"""What a training run reports. Nothing in `training` prints: the program's screen is a watcher, tests bring theirs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from lstmctl.data.datasets import Dataset
from lstmctl.history import EpochRecord
from lstmctl.training.prepare import Plan

if TYPE_CHECKING:
    from lstmctl.training.fit import Progress


class Watcher:
    """The reports of a run, in order. These do nothing; a subclass overrides those that it shows."""

    def waiting(self, activity: str) -> AbstractContextManager[None]:
        """A context around an activity that can take seconds, such as "reading the texts"."""
        return nullcontext()

    def warning(self, text: str) -> None:
        """Something the user should know."""

    def data(self, data: Dataset, *, unlabelled: int) -> None:
        """The texts were read; `unlabelled` is the number of unlabelled texts."""

    def plan(self, plan: Plan, *, reference: str, origins: Mapping[str, str]) -> None:
        """The run is planned. `reference` is what the model will be called; `origins` are those of its settings."""

    @contextmanager
    def training(self) -> Iterator[None]:
        """A context around training, checking and registering."""
        yield

    def resumed(self, history: Sequence[EpochRecord], progress: "Progress", *, damaged: Sequence[str]) -> None:
        """A run continues after these epochs; `damaged` describes newer checkpoints that could not be used."""

    def progress(self, progress: "Progress") -> None:
        """Some steps are done."""

    def epoch(self, record: EpochRecord) -> None:
        """An epoch is finished, validated and saved."""

    def checking(self) -> None:
        """The last epoch is over; the model is being checked, measured and registered."""
