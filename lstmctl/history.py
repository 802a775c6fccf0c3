"""The training history: one record an epoch, reported by `training`, stored with the model, drawn by `plot`."""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass

from lstmctl.config import BOUNDS
from lstmctl.settings import Config, setting


@dataclass(frozen=True, kw_only=True)
class EpochRecord(Config):
    """One epoch. Losses are mean cross-entropies in nats, accuracies are from 0 to 1, low and high a 95 % interval."""

    epoch: int = setting(dataclasses.MISSING, "Number of the epoch; 1 is the first.", bounds=BOUNDS["epochs"])
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    val_low: float
    val_high: float
    learning_rate: float
    seconds: float
    val_calibrated_loss: float | None = None  # val_loss of the model as it would be delivered; None: not calibrated

    @property
    def delivered_loss(self) -> float:
        """The validation loss of the model that this epoch would become: the number that epochs are compared by."""
        return self.val_loss if self.val_calibrated_loss is None else self.val_calibrated_loss


def best(records: Iterable[EpochRecord]) -> EpochRecord:
    """The epoch with the lowest validation loss as delivered, that is after calibration, if there is one:
    overconfidence can be corrected and should not count against an epoch. Of equals the last one, which has learned
    more.
    """
    return min(records, key=lambda record: (record.delivered_loss, -record.epoch))


def to_jsonl(records: Iterable[EpochRecord]) -> bytes:
    """JSON Lines, one epoch a line, without the values that are None."""
    objects = [{name: value for name, value in record.to_dict().items() if value is not None} for record in records]
    return "".join(json.dumps(values) + "\n" for values in objects).encode()


def from_jsonl(data: bytes) -> tuple[EpochRecord, ...]:
    """The records that `to_jsonl` wrote. The file is not trusted: ValueError with the number of an invalid line."""
    records = []
    for number, line in enumerate(data.decode("utf-8").split("\n")[:-1], start=1):
        try:
            records.append(EpochRecord.from_dict(json.loads(line)))
        except ValueError as error:
            raise ValueError(f"has an invalid line {number}: {error}") from error
    return tuple(records)
