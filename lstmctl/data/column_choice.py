"""Which columns of a table have the texts and the labels: by name, and in hints by what is in them.

A name is looked for as it is, then without case and blanks at its ends. If the user named no column and there is
neither `text` nor `label`, one of the pairs of names that public data sets have will do, if only one fits.
"""

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from lstmctl.data.columns import ColumnNames, shorten
from lstmctl.errors import closest_names


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    split = (pair.split("/") for pair in text.split())
    return tuple((pair[0], pair[1]) for pair in split)


# Pairs of text and label columns in well-known data sets, without case: first the best known, which win.
USUAL_PAIRS = (
    _pairs("text/label review/sentiment sentence/label content/target tweet/sentiment message/category v2/v1"),
    _pairs(
        "text/sentiment text/target text/category text/class text/labels text/airline_sentiment text/stars text/rating "
        "text/emotion text/intent text/lang text/language text/topic text/score "
        "review/label review/rating review/stars review/class review/score review/polarity "
        "review_text/rating review_text/sentiment review_text/label review_text/stars review_body/star_rating "
        "review_body/stars reviewtext/overall reviewtext/rating reviewtext/sentiment review_content/rating "
        "review_content/review_type "
        "sentence/sentiment sentence/class sentence/target sentence/category sentence/polarity sms/label sms/class "
        "message/label message/sentiment message/class message/target "
        "content/label content/sentiment content/category content/class content/rating content/score "
        "tweet/label tweet/class tweet/target tweet/category tweet_text/label tweet_text/sentiment "
        "clean_text/category clean_text/sentiment clean_text/label selected_text/sentiment "
        "comment/label comment/sentiment comment/class comment_text/label comment_text/target "
        "phrase/sentiment headline/category headline/label headline/is_sarcastic title/label title/category "
        "body/label body/class body/category description/category description/label document/label "
        "question/label question/category question/intent question_text/target utterance/intent query/intent "
        "sentence/emotion sentences/label sentences/sentiment texts/labels news/category news/label article/category "
        "article/label abstract/label abstract/category statement/status statement/label post/label "
        "resume_str/category email/label email/category"
    ),
)
_USUAL_TEXTS = tuple(dict.fromkeys(text for pairs in USUAL_PAIRS for text, _ in pairs))
_USUAL_LABELS = tuple(dict.fromkeys([*(label for pairs in USUAL_PAIRS for _, label in pairs), "y", "tag", "grade"]))
_USUAL_GROUPS = ("group", "id", "product", "title", "user", "author")
_FLAGS = {"0", "1", "0.0", "1.0", "true", "false"}
_FEW_VALUES = 50  # a column of labels seldom has more


class ColumnSample(NamedTuple):
    """What the first rows of a table have in one column."""

    name: str
    values: Sequence[str]

    @property
    def words(self) -> float:
        """Words a value: letters count for scripts without blanks."""
        return sum(max(value.count(" ") + 1, len(value) / 12) for value in self.values) / max(1, len(self.values))

    @property
    def is_text(self) -> bool:
        """Whether the values look like texts: several words, most of them different."""
        different = len(set(self.values)) / max(1, len(self.values))
        return self.words >= 2.5 and different > 0.4 and self._letters > 0.6

    @property
    def _letters(self) -> float:
        """Proportion of letters: low in dates, numbers and addresses."""
        text = "".join("".join(value.split()) for value in self.values[:100])
        return sum(map(str.isalpha, text)) / max(1, len(text))

    @property
    def is_label(self) -> bool:
        """Whether the values look like labels: short, two or more, and each on several rows."""
        values = {value.strip() for value in self.values} - {""}
        repeats = len(values) <= max(2, min(_FEW_VALUES, len(self.values) / 2))
        return len(values) >= 2 and repeats and max(map(len, values)) <= 60

    @property
    def is_flag(self) -> bool:
        """Whether all values are 0 or 1, or true or false."""
        return bool(self.values) and {value.strip().casefold() for value in self.values} <= _FLAGS


class Choice(NamedTuple):
    """The columns as the table names them, and whether that is something to tell the user."""

    columns: ColumnNames
    told: bool = False


def choose_columns(columns: ColumnNames, names: Sequence[str]) -> Choice | None:
    """The columns with these names in a table, or None if one is missing."""
    found = [_find(name, names) for name in columns.used]
    if None not in found:
        by_name = dict(zip(columns.used, found, strict=True))
        chosen = columns._replace(
            text=_named(tuple(str(by_name[name]) for name in columns.texts)),
            label=None if columns.label is None else by_name[columns.label],
            group=None if columns.group is None else by_name[columns.group],
        )
        return Choice(chosen._replace(usual=False), found != columns.used)
    group = None if columns.group is None else _find(columns.group, names)
    if not columns.usual or columns.layout.no_header or (columns.group is not None and group is None):
        return None
    folded: dict[str, str | None] = {}
    for name in names:
        key = name.strip().casefold()
        folded[key] = None if key in folded else name
    for pairs in USUAL_PAIRS:
        fitting = {(folded.get(text), columns.label and folded.get(label)) for text, label in pairs}
        fitting = {(text, label) for text, label in fitting if text is not None}
        if columns.label is not None:
            fitting = {(text, label) for text, label in fitting if label is not None}
        if len(fitting) == 1:
            text, label = next(iter(fitting))
            return Choice(columns._replace(text=str(text), label=label, group=group, usual=False), True)
        if fitting:
            return None
    return None


def _named(texts: tuple[str, ...]) -> str | tuple[str, ...]:
    return texts[0] if len(texts) == 1 else texts


def _find(name: str, names: Sequence[str]) -> str | None:
    """The name as the table has it: the same one, or the only one that differs in case and outer blanks alone."""
    if name in names:
        return name
    similar = [other for other in names if other.strip().casefold() == name.strip().casefold()]
    return similar[0] if len(similar) == 1 else None


def missing_column(
    columns: ColumnNames, names: Sequence[str], rows: Sequence[Sequence[str]] = (), *, options: str = ""
) -> tuple[str, str]:
    """Message and hint for a table in which `choose_columns` finds one column missing.

    `rows` are the first rows, by which the hint chooses other columns; `options` are further ones that it needs.
    """
    missing = next(name for name in columns.used if _find(name, names) is None)
    samples = _samples(names, rows)
    listed = ", ".join(shorten(other) for other in list(names)[:20]) + (", …" if len(names) > 20 else "")
    message = f'there is no column "{shorten(missing)}"; the columns are: {listed}'
    if rows and (row := _first_row_is_data(names, samples)) is not None and not columns.layout.no_header:
        message = f'there is no column "{shorten(missing)}"; the first line looks like a row: {row}'
        all_rows = _samples([str(place) for place in range(1, len(names) + 1)], [names, *rows])
        guesses = _guess(columns._replace(text="", label=columns.label and "", group=None), all_rows)
        return message, " ".join(["--no-header", *guesses, *([options] if options else [])])
    flags = [sample.name for sample in samples if sample.is_flag]
    if columns.label is not None and _find(columns.label, names) is None and len(flags) > 1:
        shown = ", ".join(map(shorten, flags[:6])) + (", …" if len(flags) > 6 else "")
        message += f"; several 0/1 columns look like several labels a text, of which one can be learned: {shown}"
    guesses = _guess(columns, samples)
    hint = " ".join([*guesses, *([options] if options else [])])
    option = "--text-column" if missing in columns.texts else "--label-column"
    option = "--group-column" if missing == columns.group and missing not in columns.used[:-1] else option
    return message, hint if guesses else f"name one of them with {option}"


def describe_guess(columns: ColumnNames, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The options that name columns by what is in them; "" if no column looks right."""
    return " ".join(_guess(columns._replace(text="", label=columns.label and ""), _samples(names, rows)))


def _samples(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[ColumnSample]:
    whole = [row for row in rows if len(row) == len(names)]
    columns = zip(*whole, strict=True) if whole else [()] * len(names)
    return [ColumnSample(name, column) for name, column in zip(names, columns, strict=True)]


def _first_row_is_data(names: Sequence[str], samples: Sequence[ColumnSample]) -> str | None:
    """The start of the first line, which the names are from, if it looks like a row; else None."""
    signs = 0
    for sample in samples:
        name = sample.name.strip()
        signs += sample.is_label and name != "" and name in {value.strip() for value in sample.values}
        signs += sample.is_text and name.count(" ") >= 3
        signs += is_number(name) and bool(sample.values) and all(map(is_number, sample.values))
    return shorten(" | ".join(shorten(name) for name in names)) if signs else None


def _guess(columns: ColumnNames, samples: Sequence[ColumnSample]) -> list[str]:
    """Options for the columns that are missing, chosen by content, then by name."""
    names = [sample.name for sample in samples]
    taken = {name for wanted in columns.used if (name := _find(wanted, names)) is not None}
    free = [sample for sample in samples if sample.name not in taken and sample.name.strip()]
    options: list[str] = []
    if any(_find(name, names) is None for name in columns.texts):
        texts = _guess_texts(columns, free)
        options += [word for name in texts for word in ("--text-column", name)]
        free = [sample for sample in free if sample.name not in texts]
    if columns.label is not None and _find(columns.label, names) is None:
        label = _guess_label(columns.label, free)
        options += ["--label-column", label] if label is not None else []
    elif columns.group is not None and _find(columns.group, names) is None:
        group = _by_name(columns.group, free, _USUAL_GROUPS)
        options += ["--group-column", group] if group is not None else []
    return [shlex.quote(word) for word in options]


def _guess_texts(columns: ColumnNames, samples: Sequence[ColumnSample]) -> list[str]:
    looks = [sample for sample in samples if sample.is_text]
    if not looks:
        one_filled = [sample for sample in samples if sample.values] if len(samples) == 1 else []
        name = _by_name(columns.texts[0], one_filled or samples, _USUAL_TEXTS)
        return [name] if name is not None else []
    if all(sample.name.isdecimal() for sample in looks):
        return [sample.name for sample in looks]  # without names nothing says which is the title
    named = _by_name(columns.texts[0], looks, _USUAL_TEXTS)
    return [named if named is not None else max(looks, key=lambda sample: sample.words).name]


def _guess_label(wanted: str, samples: Sequence[ColumnSample]) -> str | None:
    looks = [sample for sample in samples if sample.is_label]
    if any(sample.values for sample in samples) and looks:
        named = _by_name(wanted, looks, _USUAL_LABELS)
        return named if named is not None else min(looks, key=lambda sample: len(set(sample.values))).name
    if (named := _by_name(wanted, samples, _USUAL_LABELS)) is not None:
        return named
    # A file that is sorted by label has one value in its first rows.
    constant = [sample for sample in samples if len(set(sample.values)) == 1 and len(sample.values) > 1]
    return min(constant, key=lambda sample: not is_number(sample.values[0])).name if constant else None


def _by_name(wanted: str, samples: Sequence[ColumnSample], usual: Sequence[str]) -> str | None:
    """The column with the most similar name, or a usual one, or the only one."""
    names = {sample.name.strip().casefold(): sample.name for sample in samples}
    if wanted and (close := closest_names(wanted.casefold(), [name[:100] for name in list(names)[:200]], 1)):
        return names.get(close[0])
    if known := next((names[name] for name in usual if name in names), None):
        return known
    return samples[0].name if len(samples) == 1 else None


def is_number(value: str) -> bool:
    """Whether this is how a number is written."""
    try:
        float(value)
    except ValueError:
        return False
    return True
