"""Where a training run stands, to and from what a checkpoint keeps of it."""

from dataclasses import dataclass, field
from typing import Any, Self

from lstmctl.history import EpochRecord
from lstmctl.training.steps import Sums


@dataclass(frozen=True)
class TrainingState:
    """Beside weights and optimizer, all that the rest of a run depends on. Orders and dropout need no state of their
    own: they are functions of (seed, epoch) and of (seed, step).
    """

    epoch: int = 1  # that is being trained; its first `sums.steps` steps are done
    sums: Sums = Sums()
    seconds: float = 0.0  # spent in this epoch
    history: tuple[EpochRecord, ...] = field(default=())  # of the epochs before it

    def to_dict(self) -> dict[str, Any]:
        """As JSON, without the history, which a checkpoint keeps in its model folder."""
        return {"epoch": self.epoch, "seconds": self.seconds, "sums": vars(self.sums)}

    @classmethod
    def from_dict(cls, values: Any, history: tuple[EpochRecord, ...]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: it is something else.
        """
        sums = values.get("sums")
        kinds = {"steps": int, "losses": float, "right": float, "seen": int}
        if not isinstance(sums, dict) or {name: type(value) for name, value in sums.items()} != kinds:
            raise ValueError("has no proper sums")
        epoch, seconds = values.get("epoch"), values.get("seconds")
        if type(epoch) is not int or type(seconds) is not float or epoch != len(history) + 1:
            raise ValueError("does not fit the history beside it")
        return cls(epoch, Sums(**sums), seconds, history)
