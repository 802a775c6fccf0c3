"""Which texts models are measured on: those that they were not trained on, wherever the data is now.

A model keeps a digest of each of its rows (`lstmctl.data.digests`). So its own test rows are found when its data has
moved, was packed or has grown, and rows that it was trained on are counted in any other data.
"""

import os
import shlex
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import DataConfig
from lstmctl.data.bad_rows import BadRows
from lstmctl.data.columns import Example
from lstmctl.data.datasets import Dataset, load, read_all
from lstmctl.data.digests import PARTS, RowDigests, any_of
from lstmctl.data.labels import closest_label
from lstmctl.data.named import KERAS_IMDB, NAMES, is_downloaded
from lstmctl.data.sources import resolve_source
from lstmctl.errors import BadData, LstmctlError, NotFound, UsageError
from lstmctl.registry.artifact import ModelFolder
from lstmctl.registry.card import ModelCard

Part = Literal["test", "val"]
PART_NAMES = {"test": "test", "val": "validation"}
_LAYOUT = ("delimiter", "encoding", "no_header")  # how tables are written, which another place may do differently
_OWN = 0.9  # of the rows of some data: if a model knows as many, they are its own data
Mask = NDArray[np.bool_]  # (texts,)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which texts to choose."""

    data: DataConfig | None = None  # labelled texts; None: the models' own data
    part: Part = "test"  # of the models' own data
    only_new: bool = False  # leave out the rows that a model was trained on
    unknown_labels: Literal["stop", "drop"] = "stop"  # rows with labels that a model does not know


class LabelledTexts(NamedTuple):
    """Texts to measure models on."""

    examples: Sequence[Example]
    description: str
    config: DataConfig  # its `sources` are where these texts come from
    part: Part | None  # all texts of this part of the models' own data; None: other texts
    own: bool = False  # whether all of them are from such a part
    notes: tuple[str, ...] = ()  # for the user, about how they were read and chosen
    left_out: Mapping[str, int] = MappingProxyType({})  # reason → number of rows
    bad_rows: BadRows | None = None  # of the data that the user names
    readings: tuple[str, ...] = ()  # how its files were recognised, where that is not as usual


def select_texts(folders: Sequence[ModelFolder], choice: Choice, *, home: Path) -> LabelledTexts:
    """The texts that models are measured on: the test part of `choice.data` if it has one, otherwise all its texts.

    If `choice.data` is None, or what the first model was trained on, at this place or another: a part of that.

    Raises:
        NotFound: the data does not exist. BadData: it changed since training, lacks the part, has labels that a model
        does not know, only rows that are to be left out, or the models were trained on different data.
        UsageError: which rows are new is not known.
    """
    first = folders[0]
    if choice.only_new and choice.data is None:
        raise UsageError(
            "--only-new goes with --data", hint=f"lstmctl evaluate {_quoted(first)} --data FILE --only-new"
        )
    texts = _own_part(folders, choice.part, home=home) if choice.data is None else _other(folders, choice, home=home)
    return _with_known_labels(texts, folders, drop=choice.unknown_labels == "drop")


def _other(folders: Sequence[ModelFolder], choice: Choice, *, home: Path) -> LabelledTexts:
    """The texts of data that the user names."""
    assert choice.data is not None  # noqa: S101
    first, data, bad_rows, unused = folders[0], choice.data, BadRows(), Counter[str]()
    source, *more = map(resolve_source, data.sources)
    config = replace(data, source=source, more_sources=tuple(more))
    examples, sha256, read_notes, readings = read_all(config, home=home, bad_rows=bad_rows, unused=unused)
    texts = LabelledTexts(examples, ", ".join(data.sources), config, None)
    digests = [kept for folder in folders if (kept := folder.digests()) is not None]
    all_keep, same_rows = len(digests) == len(folders), _other_data(folders) is None
    if choice.only_new:
        texts = _only_new(texts, folders, home=home)
    elif sha256 == first.card.data_sha256 and _is_divided_alike(first, config) and (same_rows or not all_keep):
        texts = _own_part(folders, choice.part, home=home, place=config)
    elif all_keep:
        texts = _own_rows(texts, folders, digests, choice.part)
    notes, left_out = [*read_notes, *texts.notes], dict(texts.left_out)
    for part, count in unused.items():
        notes.append(f"not used: {count:,} {part} rows, because the data has a test part")
        left_out[f"not in the test part, but in its {part} part"] = count
    return texts._replace(bad_rows=bad_rows, notes=tuple(notes), left_out=left_out, readings=readings)


def _other_data(folders: Sequence[ModelFolder]) -> ModelFolder | None:
    """The first model that was not trained on the same rows, divided in the same way, as the first of all."""
    own = folders[0].card.data, folders[0].card.data_sha256
    return next((folder for folder in folders if (folder.card.data, folder.card.data_sha256) != own), None)


def _is_divided_alike(folder: ModelFolder, config: DataConfig) -> bool:
    """Whether the rows of a model, read from another place, are divided as they were: not if only one of the places is
    a named data set, which can have its own way; nor if parts of them are in files that a model from elsewhere names.
    """
    card = folder.card
    if card.data is None or (folder.is_imported and (card.data.val_source or card.data.test_source)):
        return False
    return card.data.sources == config.sources or not {*card.data.sources, *config.sources} & set(NAMES)


# --- the model's own data -------------------------------------------------------------------------------------------


def _own_part(
    folders: Sequence[ModelFolder], part: Part, *, home: Path, place: DataConfig | None = None
) -> LabelledTexts:
    """The part of the data that all models were trained on, read from `place` if it is given."""
    first = folders[0]
    if other := _other_data(folders):
        message = f"{first.reference} and {other.reference} have different held-out texts"
        raise BadData(message, hint="--data names texts that neither was trained on")
    return _read_part(first, part, home=home, place=place)


def _read_part(folder: ModelFolder, part: Part, *, home: Path, place: DataConfig | None) -> LabelledTexts:
    """The test or validation part of the model's own data."""
    card, command = folder.card, f"lstmctl evaluate {_quoted(folder)}"
    if card.data is None:
        message = f"{folder.reference} was imported; its training data is unknown"
        raise NotFound(message, hint=f"{command} --data FILE measures it on other texts")
    if place is None:
        _check_own_data(folder, card.data, home=home)
    config, notes = card.data, tuple[str, ...]()
    if place is not None and place.sources != card.data.sources:
        names = ("source", "more_sources", "text_column", "label_column", "bad_rows", *_LAYOUT)
        config = replace(card.data, **{name: getattr(place, name) for name in names})
        notes = (f"these are the rows of {folder.reference}, at a new place: measured on its {PART_NAMES[part]} part",)
    try:
        dataset = load(config, home=home)
    except NotFound as error:
        chosen = "" if part == "test" else f" --part {part}"
        hint = f"{command} --data NEWPLACE{chosen} finds its {PART_NAMES[part]} rows where the data is now"
        raise NotFound(f"the data of {folder.reference} is gone: {error.message}", hint=hint) from error
    if dataset.sha256 != card.data_sha256:
        message = f"{', '.join(config.sources)} has changed since {folder.reference} was trained on it"
        hint = f"{command} {shlex.join(config.source_options)} measures it as other data"
        if folder.digests() is not None:
            hint += ", or on its own rows if they are most of it"
        raise BadData(message, hint=hint)
    examples, source = dataset.test, config.test_source
    if part == "val":
        examples, source = dataset.validation, config.val_source
    if not examples:
        raise BadData(f"the data of {folder.reference} has no {PART_NAMES[part]} part", hint="name texts with --data")
    description = f"the {PART_NAMES[part]} part of {dataset.name}"
    if source is not None:
        config = replace(config, source=source, more_sources=())
    return LabelledTexts(examples, description, config, part, True, notes)


def _check_own_data(folder: ModelFolder, data: DataConfig, *, home: Path) -> None:
    """Raise NotFound unless the data of a model may be read where its card says, and can be at once. The card of a
    model from elsewhere says nothing about this machine; no card makes a program wait for a pipe, or use the network.
    """
    command = f"lstmctl evaluate {_quoted(folder)}"
    if folder.is_imported:
        public = [name for name in data.sources if name in NAMES]
        named = f"{shlex.join(word for name in public for word in ('--data', name))}" if public else "--data FILE"
        message = f"{folder.reference} was imported: its own data is not looked for on this machine"
        raise NotFound(message, hint=f"{command} {named}")
    for name in (*data.sources, data.val_source, data.test_source):
        if name == KERAS_IMDB and not is_downloaded(home):
            message = f"the data of {folder.reference} is gone: {KERAS_IMDB} is not downloaded"
            raise NotFound(message, hint=f"lstmctl data check --data {KERAS_IMDB} downloads it")
        if name is None or name in NAMES:
            continue
        with suppress(OSError):  # missing, or a pattern: reading says so
            mode = os.stat(name).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                message = f"the data of {folder.reference} is gone: {name} is neither a file nor a folder"
                raise NotFound(message, hint=f"{command} --data FILE")


def _own_rows(
    texts: LabelledTexts, folders: Sequence[ModelFolder], digests: Sequence[RowDigests], part: Part
) -> LabelledTexts:
    """The rows that are in a part of the own data of all models, if nearly all of the texts are their rows; otherwise
    all texts."""
    name, known, chosen = (
        PART_NAMES[part],
        np.ones(len(texts.examples), np.bool_),
        np.ones(len(texts.examples), np.bool_),
    )
    for kept in digests:
        found = kept.find(example.text for example in texts.examples)
        known &= any_of(found, PARTS)
        chosen &= found[name]
    if known.mean() < _OWN or not chosen.any():
        return texts
    examples, total = _kept(texts.examples, chosen), len(texts.examples)
    number, models = len(examples), " and ".join(folder.reference for folder in folders)
    note = f"{int(known.sum()):,} of these {total:,} rows are rows of {models}: "
    note += f"measured on the {number:,} {name} rows among them"
    if number == total:
        note = f"all of these {total:,} rows are {name} rows of {models}"
    own_part = part if all(number == folder.card.rows.get(name) for folder in folders) else None
    return texts._replace(
        examples=examples,
        description=f"the {name} rows of {models} in {', '.join(map(os.path.basename, texts.config.sources))}",
        part=own_part,
        own=True,
        notes=(note,),
        left_out={f"not a {name} row of {models}": total - number} if number < total else {},
    )


# --- rows that a model was trained on ---------------------------------------------------------------------------------


def trained_rows(folder: ModelFolder, examples: Sequence[Example], *, data: Dataset | None) -> Mask | None:
    """(examples,): which texts the model was trained on, which includes its validation texts if it has n-grams.

    Models of earlier versions have no digests: then by `data`, from `training_data`; None if there is neither.
    """
    digests = folder.digests()
    if digests is None:
        if data is None:
            return None
        parts = {"train": data.train, "validation": data.validation}
        digests = RowDigests.of({part: (row.text for row in rows) for part, rows in parts.items()})
    found = digests.find(example.text for example in examples)
    return any_of(found, ("train", "validation") if folder.card.config.ngram_order else ("train",))


def training_data(folder: ModelFolder, *, home: Path) -> Dataset | None:
    """The data of a model where it was, if it still exists unchanged."""
    with suppress(LstmctlError):
        if folder.card.data is None:
            return None
        _check_own_data(folder, folder.card.data, home=home)
        dataset = load(folder.card.data, home=home)
        if dataset.sha256 == folder.card.data_sha256:
            return dataset
    return None


def _only_new(texts: LabelledTexts, folders: Sequence[ModelFolder], *, home: Path) -> LabelledTexts:
    """The texts that none of the models was trained on."""
    trained = np.zeros(len(texts.examples), np.bool_)
    for folder in folders:
        data = None if folder.digests() is not None else training_data(folder, home=home)
        known = trained_rows(folder, texts.examples, data=data)
        if known is None:
            message = f"--only-new: which rows {folder.reference} was trained on is not known"
            raise UsageError(message, hint="leave out --only-new: it keeps no digests of them, and its data is gone")
        trained |= known
    names, total = " or ".join(folder.reference for folder in folders), int(trained.sum())
    if trained.all():
        message = f"{names} was trained on all {total:,} rows of {texts.description}"
        raise BadData(message, hint="leave out --only-new, or name other data")
    if not total:
        return texts
    note = f"left out: {total:,} of {len(trained):,} rows, which {names} was trained on"
    left_out = {f"{names} was trained on it": total}
    return texts._replace(examples=_kept(texts.examples, ~trained), notes=(note,), left_out=left_out)


# --- labels ---------------------------------------------------------------------------------------------------------


def _with_known_labels(texts: LabelledTexts, folders: Sequence[ModelFolder], *, drop: bool) -> LabelledTexts:
    """The texts with labels as the models know them. Those with other labels are an error, or are dropped."""
    examples = as_model_labels(texts.examples, folders[0].card)
    if drop:
        known = set.intersection(*(set(folder.card.config.labels) for folder in folders))
        unknown = Counter(example.label for example in examples if example.label not in known)
        examples = [example for example in examples if example.label in known]
        if unknown:
            listed = ", ".join(f'"{label}" ({count:,})' for label, count in unknown.most_common(5))
            more = f" and {len(unknown) - 5:,} more" if len(unknown) > 5 else ""
            if not examples:
                message = f"no row of {texts.description} has a label that the models know: {listed}{more}"
                raise BadData(message, hint=f"--rename-label '{next(iter(unknown))}={min(known, default='LABEL')}'")
            note = f"left out: {unknown.total():,} rows with labels that the model does not know: {listed}{more}"
            left_out = {f'the label "{label}", which the model does not know': n for label, n in unknown.items()}
            texts = texts._replace(notes=(*texts.notes, note), left_out={**texts.left_out, **left_out})
    for folder in folders:
        check_labels(examples, folder.card.config.labels, model=folder.reference)
    return texts._replace(examples=examples)


def as_model_labels(examples: Sequence[Example], card: ModelCard) -> Sequence[Example]:
    """The examples with labels that the model does not know renamed as its training labels were."""
    if card.data is None or not (card.data.rename_label or card.data.merge_labels):
        return examples
    labels, renames = card.config.labels, dict(card.data.rename_label)
    renamed = {}
    for label in {example.label for example in examples} - set(labels):
        new = renames.get(label)
        if new not in labels and card.data.merge_labels:
            new = closest_label(label, labels)
        if new in labels:
            renamed[label] = new
    if not renamed:
        return examples
    return [example._replace(label=renamed.get(example.label, example.label)) for example in examples]


def check_labels(examples: Sequence[Example], labels: tuple[str, ...], *, model: str) -> None:
    """Raise BadData if the label of an example is not one of the model's `labels`."""
    if unknown := sorted({example.label for example in examples} - set(labels)):
        first = next(example for example in examples if example.label == unknown[0])
        place = f"{first.file}, row {first.row}" if first.file else f"row {first.row}"
        message = f'{place}: {model} does not know the label "{unknown[0]}"; it knows {", ".join(labels)}'
        hint = " ".join(f"--rename-label '{label}=…'" for label in unknown[:3])
        raise BadData(message, hint=f"{hint}; or --unknown-labels drop leaves these rows out")


def _kept(examples: Sequence[Example], mask: Mask) -> list[Example]:
    return [example for example, keep in zip(examples, mask.tolist(), strict=True) if keep]


def _quoted(folder: ModelFolder) -> str:
    return shlex.quote(folder.reference)
