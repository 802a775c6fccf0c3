"""Which labelled texts `evaluate` measures a model on, and which ones the model has learned from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lstmctl.config import DataConfig
from lstmctl.errors import BadData, LstmctlError, NotFound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lstmctl.data.columns import Example
    from lstmctl.model.classifier import Prediction
    from lstmctl.registry.artifact import ModelFolder
    from lstmctl.scoring.pool import ParallelMap


def own_part(folder: "ModelFolder", *, part: str, home: Path) -> "tuple[Sequence[Example], str]":
    """The test or validation part that the model was kept away from, and how to name it.

    Raises:
        NotFound: the data is gone. BadData: it changed since, or has no such part.
    """
    from lstmctl.data.datasets import load

    card = folder.card
    hint = f"lstmctl evaluate {folder.reference} --data FILE measures it on other texts"
    if card.data is None:
        raise NotFound(f"{folder.reference} was imported; what it was trained on is not known", hint=hint)
    try:
        data = load(card.data, home=home)
    except NotFound as error:
        raise NotFound(f"the data of {folder.reference} is gone: {error.message}", hint=hint) from error
    name = {"test": "test", "val": "validation"}[part]
    if data.sha256 != card.data_sha256:
        raise BadData(
            f"{card.data.source} has changed since {folder.reference} was trained on it",
            hint=f"lstmctl evaluate {folder.reference} --data {card.data.source} measures it as other data",
        )
    examples = {"test": data.test, "val": data.validation}[part]
    if not examples:
        raise BadData(f"the data of {folder.reference} has no {name} part", hint="name other texts with --data")
    return examples, f"the {name} part of {data.name}"


def common_part(folders: "Sequence[ModelFolder]") -> None:
    """See that several models were kept away from the same texts, so that these can compare them.

    Raises:
        BadData: they were not.
    """
    first, *others = ((folder.card.data, folder.card.data_sha256) for folder in folders)
    for folder, other in zip(folders[1:], others, strict=True):
        if other != first:
            raise BadData(
                f"{folders[0].reference} and {folder.reference} were kept away from different texts",
                hint="--data names texts that neither has seen",
            )


def other_data(config: DataConfig, *, own_sha256: str, home: Path) -> "tuple[Sequence[Example], str] | None":
    """All labelled texts of a source, or its own test part where it brings one, and how to name them.

    None where it turns out to be the very data that the model was trained on: most of it, the model has seen.
    """
    from lstmctl.data.datasets import read_all
    from lstmctl.data.sources import resolve_source

    examples, sha256 = read_all(replace(config, source=resolve_source(config.source)), home=home)
    return None if sha256 == own_sha256 else (examples, config.source)


def check_labels(examples: "Sequence[Example]", labels: tuple[str, ...], *, reference: str) -> None:
    """Refuse data with labels that the model cannot answer.

    Raises:
        BadData: naming them, with the --rename-label option to fill in.
    """
    foreign = sorted({example.label for example in examples} - set(labels))
    if foreign:
        row = next(example.row for example in examples if example.label == foreign[0])
        renames = " ".join(f"--rename-label '{label}=…'" for label in foreign[:3])
        raise BadData(
            f'row {row}: {reference} does not know the label "{foreign[0]}"; it knows {", ".join(labels)}', hint=renames
        )


def training_texts(folder: "ModelFolder", *, home: Path) -> "Sequence[Example]":
    """The texts that the model learned from; none where they are gone or have changed."""
    from lstmctl.data.datasets import load

    card = folder.card
    if card.data is None:
        return ()
    try:
        data = load(card.data, home=home)
    except LstmctlError:
        return ()
    return data.train if data.sha256 == card.data_sha256 else ()


class Answers(NamedTuple):
    """What a model says of texts, and what their labels say."""

    predictions: "list[Prediction]"
    probabilities: "NDArray[np.float64]"  # (texts, labels)
    truth: "NDArray[np.int64]"  # (texts,): the place of the label


def answers(folder: "ModelFolder", examples: "Sequence[Example]", *, each: "ParallelMap") -> Answers:
    """The answers to texts, whose labels are known to be the model's."""
    import numpy as np

    from lstmctl.evaluation.baselines import label_indices
    from lstmctl.scoring.pool import map_texts

    predictions = map_texts(each, folder.classifier().predict, [example.text for example in examples])
    probabilities = np.array([prediction.probabilities for prediction in predictions])
    return Answers(predictions, probabilities, label_indices(examples, folder.card.config.labels))
