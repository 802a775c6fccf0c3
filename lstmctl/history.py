"""The training history: one record an epoch, reported by `training`, stored with the model, drawn by `plot`."""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass

from lstmctl.config import BOUNDS


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One epoch. Losses are mean cross-entropies in nats, accuracies are from 0 to 1, low and high a 95 % interval."""

    epoch: int  # 1 is the first
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    val_low: float
    val_high: float
    learning_rate: float
    seconds: float
    val_calibrated_loss: float | None = None  # val_loss with the best temperature; None: not calibrated

    def to_json(self) -> str:
        """One line of JSON, without a line end."""
        values = dataclasses.asdict(self)
        if self.val_calibrated_loss is None:
            del values["val_calibrated_loss"]
        return json.dumps(values)


def best(records: Iterable[EpochRecord]) -> EpochRecord:
    """The epoch with the lowest validation loss, after calibration where it is known: overconfidence can be corrected
    and should not count against an epoch. Of equals the last one, which has learned more.
    """
    return min(records, key=lambda record: (_loss(record), -record.epoch))


def _loss(record: EpochRecord) -> float:
    return record.val_loss if record.val_calibrated_loss is None else record.val_calibrated_loss


def to_jsonl(records: Iterable[EpochRecord]) -> bytes:
    """JSON Lines, one epoch a line."""
    return "".join(record.to_json() + "\n" for record in records).encode()


def from_jsonl(data: bytes) -> tuple[EpochRecord, ...]:
    """The records that `to_jsonl` wrote. The file is not trusted.

    Raises:
        ValueError: a line is not an object of finite numbers with the fields of `EpochRecord`, the last one optional.
    """
    names = {field.name for field in dataclasses.fields(EpochRecord)}
    records = []
    for number, line in enumerate(data.decode("utf-8").split("\n")[:-1], start=1):
        values = json.loads(line)
        if not isinstance(values, dict) or set(values) | {"val_calibrated_loss"} != names:
            raise ValueError(f"line {number} is not an epoch")
        # The comparison is false for NaN and infinity, and does not choke on a number of a thousand digits.
        if not all(type(value) in (int, float) and abs(value) < 1e300 for value in values.values()):
            raise ValueError(f"line {number} has a value that is not a finite number")
        if type(values["epoch"]) is not int or not 1 <= values["epoch"] <= BOUNDS["epochs"][1]:
            raise ValueError(f"line {number} has an invalid epoch number")
        records.append(EpochRecord(**values))
    return tuple(records)
