"""The history of a training run, and hostile history files."""

import json
from dataclasses import replace

import pytest

from lstmctl.history import EpochRecord, best, from_jsonl, to_jsonl

RECORD = EpochRecord(
    epoch=1,
    loss=0.5,
    accuracy=0.75,
    val_loss=0.4,
    val_accuracy=0.8,
    val_low=0.78,
    val_high=0.82,
    learning_rate=1e-3,
    seconds=5.0,
)


def test_round_trip():
    records = (RECORD, replace(RECORD, epoch=2, val_loss=0.1 + 0.2))
    assert from_jsonl(to_jsonl(records)) == records


def test_best_epoch():
    records = [replace(RECORD, epoch=epoch, val_loss=loss) for epoch, loss in ((1, 0.4), (2, 0.3), (3, 0.3))]
    assert best(records).epoch == 3


def changed(**values):
    return json.dumps({**json.loads(to_jsonl([RECORD])), **values})


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{}",
        "7",
        "not json",
        changed(extra=1),
        changed(loss="0.5"),
        changed(loss=None),
        changed(loss=True),
        changed(loss=float("nan")),
        changed(loss=float("inf")),
        changed(loss=10**400),
        changed(epoch=0),
        changed(epoch=1.5),
        changed(epoch=10**9),
    ],
)
def test_invalid_histories(line):
    with pytest.raises(ValueError, match="has an invalid line 1: "):
        from_jsonl(line.encode() + b"\n")
