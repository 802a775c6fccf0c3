"""Labels that are one, however they are spelled."""

import pytest

from lstmctl.data.labels import closest_label, describe_spellings, find_spellings, label_key, merged_spellings


@pytest.mark.parametrize(
    ("first", "second"),
    [("1", "1.0"), ("1", "+1.00"), ("-1", "-1.0"), ("0", "-0.0"), ("1.5", "1.50"), ("True", "true"),
     ("STRASSE", "straße"), ("very good", "Very \u00a0Good"), ("nan", "NULL"), ("N/A", "<NA>")],
)  # fmt: skip
def test_one_label(first: str, second: str) -> None:
    assert label_key(first) == label_key(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [("1", "01"), ("1", "-1"), ("1", "10"), ("1", "true"), ("1", "1.5"), ("a", "á"), ("good", "goods"),
     ("1", "1.0.0"), ("0", "o")],
)  # fmt: skip
def test_two_labels(first: str, second: str) -> None:
    assert label_key(first) != label_key(second)


def test_groups_go_to_the_most_frequent_spelling() -> None:
    groups = find_spellings({"pos": 5, "Pos": 7, "neg": 3, "NaN": 1, "null": 2, "1": 4, "1.0": 4})
    assert merged_spellings(groups) == {"pos": "Pos", "NaN": "null", "1.0": "1"}
    text, hint = describe_spellings(groups)
    assert '"Pos" (7) = "pos" (5)' in text and (hint or "").startswith("--merge-labels")


@pytest.mark.parametrize(
    ("counts", "merged"),
    [
        ({"1": 4, "True": 3, "0": 5, "False": 2}, {"True": "1", "False": "0"}),
        ({"yes": 4, "1": 3, "no": 5}, {"1": "yes"}),
        ({"1": 4, "true": 3, "0": 2, "nan": 1}, {"true": "1"}),
        ({"1": 4, "true": 3, "0": 2, "2": 1}, {}),  # other labels too: these may be meant
        ({"1": 4, "0": 3}, {}),
    ],
)
def test_words_for_true_and_false(counts: dict[str, int], merged: dict[str, str]) -> None:
    assert merged_spellings(find_spellings(counts)) == merged


def test_a_missing_value_alone_is_noticed_and_nothing_else() -> None:
    text, hint = describe_spellings(find_spellings({"a": 1, "b": 1, "nan": 3}))
    assert text == 'the label "nan" is usually a missing value' and hint == (
        "--rename-label 'nan=LABEL' gives these rows another label"
    )
    assert describe_spellings(find_spellings({"a": 1, "b": 1})) == ("", None)


def test_closest_label() -> None:
    assert closest_label("POS", ("neg", "pos")) == "pos"
    assert closest_label("POS", ("Pos", "pos")) is None
    assert closest_label("x", ("neg", "pos")) is None
