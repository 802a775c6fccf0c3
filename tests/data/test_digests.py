"""Digests: rows are recognised in any form, texts are never stored, and no byte of the file is trusted."""

import numpy as np
import pytest

from lstmctl.data.digests import PARTS, RowDigests, any_of, file_size

TEXTS = {"train": ["A good film", "bad", "bad"], "validation": ["so so"], "test": ["never  mind<br />"]}
ROWS = {part: len(texts) for part, texts in TEXTS.items()}


def test_rows_are_found_in_their_parts() -> None:
    digests = RowDigests.of(TEXTS)
    found = digests.find([" a GOOD  film", "so so", "never mind", "something else", "bad"])
    assert {part: mask.tolist() for part, mask in found.items()} == {
        "train": [True, False, False, False, True],
        "validation": [False, True, False, False, False],
        "test": [False, False, True, False, False],
    }
    assert any_of(found, ("train", "test")).tolist() == [True, False, True, False, True]
    assert not any_of(RowDigests.of({}).find(["x"]), PARTS).any()
    assert RowDigests.of(TEXTS).find([])["train"].shape == (0,)


def test_round_trip_without_texts() -> None:
    data = RowDigests.of(TEXTS).to_bytes()
    assert len(data) == file_size(ROWS) == 8 + 16 + 8 * 5
    assert b"film" not in data
    assert RowDigests.from_bytes(data, ROWS).to_bytes() == data
    assert RowDigests.of(TEXTS).to_bytes() != data, "the key is random"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data + bytes(8),
        lambda data: b"X" + data[1:],
        lambda data: data[:24] + b"\xff" * 8 + data[32:],
    ],
)
def test_damaged_files(damage) -> None:  # type: ignore[no-untyped-def]
    data = RowDigests.of(TEXTS, key=bytes(16)).to_bytes()
    with pytest.raises(ValueError, match="bytes|contain|order"):
        RowDigests.from_bytes(damage(data), ROWS)


def test_many_rows_have_no_false_match() -> None:
    digests = RowDigests.of({"train": map(str, range(20_000))})
    assert digests.find(map(str, range(20_000)))["train"].all()
    assert not digests.find(map(str, range(20_000, 40_000)))["train"].any()
    assert digests.parts["train"].dtype == np.uint64
