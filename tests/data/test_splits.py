"""Splits: related rows stay together, sizes are as requested, and only the seed changes them."""

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.data.columns import Example
from lstmctl.data.splits import (
    Parts,
    Proportions,
    limit_rows,
    missing_labels,
    rare_labels_error,
    split_blocks,
    split_units,
)

USUAL = Proportions(test=0.1, validation=0.2)


def rows_of(**counts: int) -> list[Example]:
    return [
        Example(number, f"text {number}", label)
        for number, label in enumerate((label for label, count in counts.items() for _ in range(count)), start=1)
    ]


def numbers(parts: Parts) -> list[list[int]]:
    return [[row.row for row in part] for part in parts]


@pytest.mark.parametrize("seed", [0, 1, 7, 49, 50, 2_147_483_647])
def test_proportions_within_labels(seed: int) -> None:
    parts = split_units(rows_of(a=1000, b=100, c=10, d=3), USUAL, seed=seed)
    sizes = {label: tuple(sum(row.label == label for row in part) for part in parts) for label in "abcd"}
    assert sizes == {"a": (720, 180, 100), "b": (72, 18, 10), "c": (7, 2, 1), "d": (1, 1, 1)}


@pytest.mark.parametrize(
    ("proportions", "sizes"),
    [(Proportions(0, 0.2), [80, 20, 0]), (Proportions(0.5, 0), [50, 0, 50]), (Proportions(0, 0), [100, 0, 0])],
)
def test_zero_proportions(proportions: Proportions, sizes: list[int]) -> None:
    rows = rows_of(a=50, b=50)
    assert [len(part) for part in split_units(rows, proportions, seed=0)] == sizes
    assert [len(part) for part in split_blocks(rows, proportions, seed=0, size=5)] == sizes


LABELLED = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz"), st.sampled_from("mno")), max_size=60)


@settings(max_examples=150)
@given(LABELLED, st.integers(0, 1000), st.booleans(), st.randoms(use_true_random=False))
def test_units_stay_together(
    values: list[tuple[str, str, str]], seed: int, grouped: bool, shuffler: random.Random
) -> None:
    rows = [
        Example(number, f" {text.upper()}  \u0301e<br />", label, group if grouped else "")
        for number, (text, label, group) in enumerate(values)
    ]
    parts = split_units(rows, USUAL, seed=seed)
    assert sorted(number for part in numbers(parts) for number in part) == list(range(len(rows)))
    where = defaultdict(set)
    for place, part in enumerate(parts):
        assert part == sorted(part)  # in reading order
        for row in part:
            where[row.group or row.text].add(place)
    assert all(len(places) == 1 for places in where.values())
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert [set(part) for part in numbers(split_units(shuffled, USUAL, seed=seed))] == list(map(set, numbers(parts)))


def test_disguised_duplicates_stay_together() -> None:
    duplicates = ["Un café", "un  CAFÉ\n", "un cafe\u0301", "Un<br/>café"]
    rows = [Example(number, text, "ab"[number % 2]) for number, text in enumerate(duplicates)] + rows_of(a=30, b=30)
    for seed in range(30):
        parts = split_units(rows, USUAL, seed=seed)
        assert [sum(row.text in duplicates for row in part) for part in parts].count(0) == 2


def test_large_group() -> None:
    rows = [Example(number, f"{number}", "a", "large" if number < 98 else f"small {number}") for number in range(100)]
    for seed in range(20):
        parts = split_units(rows, USUAL, seed=seed)
        assert [len(part) for part in parts] == [98, 1, 1]


def test_rows_without_a_group() -> None:
    rows = [row._replace(group="") for row in rows_of(a=100)]
    assert [len(part) for part in split_units(rows, USUAL, seed=0)] == [72, 18, 10]


def test_text_equal_to_a_group_name() -> None:
    rows = [Example(1, "x", "a"), Example(2, "y", "a", "x"), Example(3, "z", "a")]
    assert sorted(map(len, split_units(rows, USUAL, seed=0))) == [1, 1, 1]


def test_seeds_change_unit_splits() -> None:
    rows = rows_of(a=60, b=60)
    assert len({str(numbers(split_units(rows, USUAL, seed=seed))) for seed in range(50)}) == 50


# --- blocks --------------------------------------------------------------------------------------------------------

REVIEWS = rows_of(neg=12_500, pos=12_500)


@pytest.mark.parametrize("seed", [0, 1, 2, 9, 10, 49, 50, 51, 99, 1_000, 2_499, 2_147_483_647])
def test_block_sizes(seed: int) -> None:
    parts = split_blocks(REVIEWS, USUAL, seed=seed)
    assert [len(part) for part in parts] == [18_000, 4_500, 2_500]
    assert [Counter(row.label for row in part)["pos"] for part in parts] == [9_000, 2_250, 1_250]
    owner = {row.row: place for place, part in enumerate(parts) for row in part}
    assert len(owner) == 25_000
    for start in range(1, 25_001, 250):
        assert len({owner[number] for number in range(start, start + 250)}) == 1


def test_blocks_are_spread_evenly() -> None:
    for seed in range(50):
        test = [row.row for row in split_blocks(REVIEWS, USUAL, seed=seed).test if row.label == "neg"]
        starts = test[::250]
        assert [later - earlier for earlier, later in zip(starts, starts[1:], strict=False)] == [2_500] * 4


def test_seeds_change_block_splits() -> None:
    rows = rows_of(neg=100, pos=100)
    splits = {str(numbers(split_blocks(rows, USUAL, seed=seed, size=2))) for seed in range(2_500)}
    assert len(splits) == 2_500


def test_other_block_sizes() -> None:
    parts = split_blocks(rows_of(a=1_010, b=777), Proportions(test=0.3, validation=0.5), seed=3)
    assert all(parts) and sum(map(len, parts)) == 1_787


# --- limits and labels ---------------------------------------------------------------------------------------------


def test_limit_balances_labels() -> None:
    rows = rows_of(a=100, b=5, c=50)
    chosen = limit_rows(rows, 30, seed=0)
    assert Counter(row.label for row in chosen) == {"a": 13, "b": 5, "c": 12}
    assert chosen == sorted(chosen)
    assert set(limit_rows(rows[::-1], 30, seed=0)) == set(chosen)
    assert set(limit_rows(rows, 30, seed=1)) != set(chosen)
    assert limit_rows(rows, 1_000, seed=0) == rows
    assert len(limit_rows(rows, 1, seed=0)) == 1


def test_larger_limit_is_a_superset() -> None:
    rows = rows_of(a=100, b=100)
    assert set(limit_rows(rows, 10, seed=4)) < set(limit_rows(rows, 60, seed=4))


def test_missing_label_is_named() -> None:
    parts = split_units(rows_of(a=30, rare=2), USUAL, seed=0)
    missing = missing_labels(parts._asdict(), ["a", "rare"])
    assert missing == {"rare": {"train": 1, "validation": 1, "test": 0}}
    error = rare_labels_error(missing, name="reviews.csv", unit="different texts", others=2)
    assert error.message == (
        "reviews.csv: every label must be in every part, but of the rows "
        '"rare" has 1 in train, 1 in validation, 0 in test'
    )
    assert "3 different texts or more" in (error.hint or "")
    assert "--rare-labels drop" in (error.hint or "") and "--rare-labels merge" not in (error.hint or "")
    more = missing | {"other": {"train": 1, "validation": 0, "test": 0}}  # enough rows for one label
    for others, options in ((1, ["merge"]), (2, ["drop", "merge"]), (0, [])):
        hint = rare_labels_error(more, name="reviews.csv", unit="different texts", others=others).hint or ""
        assert [option for option in ("drop", "merge") if f"--rare-labels {option}" in hint] == options
