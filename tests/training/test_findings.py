"""The misleading texts that training counts before the first epoch."""

from pathlib import Path

from lstmctl.config import DataConfig, TrainConfig
from lstmctl.data.columns import Example
from lstmctl.data.datasets import Dataset
from lstmctl.training.prepare import prepare


def test_leaks_conflicts_and_empty_texts():
    def part(*rows):
        return tuple(Example(number, text, label) for number, (text, label) in enumerate(rows, start=2))

    data = Dataset(
        name="d",
        config=DataConfig(),
        sha256="0" * 64,
        labels=("a", "b"),
        train=part(("One two.", "a"), ("three four", "b"), ("one, TWO!", "b"), ("…", "a"), ("three four", "b")),
        validation=part(("one two", "a"), ("three five", "b")),  # five is unknown, as is six: no duplicates
        test=part(("three six", "a"), ("THREE four", "b"), ("", "b")),
    )
    plan = prepare(data, TrainConfig(vocab_size=4, vectors="none"), labels=("a", "b"), home=Path("/nowhere"))
    assert plan.findings == (2, 1, 1, 1)
