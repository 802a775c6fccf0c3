"""A model folder: six files that are a whole model, and nothing in them is code.

    model.json           the card: architecture, labels, data, recipe, where it came from
    weights.safetensors  float32, names and shapes as the card implies
    vocab.txt            a word and its count a line
    metrics.json         what was measured
    history.jsonl        an epoch a line
    SHA256SUMS           of all the others

How large each may be follows from the card. This module knows their content; `model_folder` reads them from the disk.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lstmctl.config import FIRST_WORD, ModelConfig
from lstmctl.errors import Rejected
from lstmctl.history import EpochRecord, from_jsonl, to_jsonl
from lstmctl.record import BOUNDS
from lstmctl.registry import card as cards
from lstmctl.registry import checksums, measures, strictjson, tensors
from lstmctl.registry.card import ModelCard
from lstmctl.text import MAX_WORD_LENGTH, Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FILES", "ModelCard", "pack", "verify_files"]

CARD, WEIGHTS, VOCABULARY = "model.json", "weights.safetensors", "vocab.txt"
METRICS, HISTORY, SUMS = "metrics.json", "history.jsonl", checksums.NAME
FILES = (CARD, WEIGHTS, VOCABULARY, METRICS, HISTORY, SUMS)
_MAX_EPOCH_LINE = 1_000  # bytes of a line of history.jsonl
_MAX_WORD_LINE = 4 * MAX_WORD_LENGTH + 20  # bytes of a line of vocab.txt


def pack(
    card: ModelCard,
    *,
    vocabulary: Vocabulary,
    weights: "Mapping[str, NDArray[np.float32]]",
    metrics: Mapping[str, Any],
    history: Iterable[EpochRecord],
) -> dict[str, bytes]:
    """The files of a model folder, SHA256SUMS last. The same model gives the same bytes.

    `weights` have the names and shapes of `card.config.shapes()`, in float32.

    Raises:
        Rejected: no model could be read back from such files: weights of other shapes or not finite, a vocabulary of
            another size than the card says, and the like.
    """
    config = card.config
    writers: dict[str, Callable[[], bytes]] = {
        CARD: card.to_json,
        HISTORY: lambda: to_jsonl(history),
        METRICS: lambda: strictjson.dump(metrics),
        VOCABULARY: lambda: vocabulary.to_text().encode(),
        WEIGHTS: lambda: tensors.pack(weights, config.shapes()),
    }
    allowed, files, checks = limits(config), {}, readers(config)
    for name, write in writers.items():
        with rejecting("the model", name):
            files[name] = write()
            if len(files[name]) > allowed[name]:
                raise ValueError(f"would have {len(files[name]):,} bytes; at most {allowed[name]:,} can be read")
            if name != WEIGHTS:  # `tensors.pack` has looked at every number
                checks[name](files[name])
    return files | {SUMS: checksums.of(files)}


def unpack_card(data: bytes, reference: str) -> ModelCard:
    """A model.json from a stranger.

    Raises:
        Rejected: it cannot be used.
    """
    with rejecting(reference, CARD):
        return ModelCard.from_json(data)


def verify_files(files: Mapping[str, bytes], reference: str) -> ModelCard:
    """Check the files of a model folder that comes from a stranger, all of them and all in them; its card.

    Raises:
        Rejected: one of them cannot be used.
    """
    card = unpack_card(files[CARD], reference)
    with rejecting(reference, SUMS):
        sums = checksums.parse(files[SUMS])
    for name, read in readers(card.config).items():
        with rejecting(reference, name):
            if sums.get(name) != checksums.digest(files[name]):
                raise ValueError(f"does not have the SHA-256 that {SUMS} says")
            read(files[name])
    return card


@contextmanager
def rejecting(reference: str, name: str) -> Iterator[None]:
    """Turn what is found wrong with the file `name` into one error."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Rejected(f"{reference} cannot be used: {name} {reason}", hint=_hint(reference, error)) from error


def _hint(reference: str, error: Exception) -> str:
    if isinstance(error, cards.NewerFormat):
        return "pip install --upgrade lstmctl"
    if "/" in reference:
        return f"sha256sum -c {SUMS}, in that folder, tells which of its files changed"
    return (
        f"lstmctl models rm {reference} puts it aside" if "@" in reference else "lstmctl models export makes such files"
    )


def _vocabulary(data: bytes, config: ModelConfig) -> Vocabulary:
    vocabulary = Vocabulary.from_text(data.decode("utf-8"))
    if len(vocabulary) != config.vocab_size:
        raise ValueError(
            f"has {len(vocabulary) - FIRST_WORD:,} words; the model has {config.vocab_size - FIRST_WORD:,}"
        )
    if config.start_word is not None and config.start_word not in vocabulary.ids:
        raise ValueError("lacks the word that the model reads before every text")
    return vocabulary


def readers(config: ModelConfig) -> dict[str, Callable[[bytes], Any]]:
    """How each file of such a model is read, but for SHA256SUMS."""
    return {
        CARD: ModelCard.from_json,
        HISTORY: from_jsonl,
        METRICS: lambda data: measures.parse(data, config),
        VOCABULARY: lambda data: _vocabulary(data, config),
        WEIGHTS: lambda data: tensors.unpack(data, config.shapes()),
    }


def limits(config: ModelConfig | None) -> dict[str, int]:
    """The most bytes that each file of such a model can have; without a model, of the card alone."""
    if config is None:
        return {CARD: cards.LIMIT}
    return {
        CARD: cards.LIMIT,
        HISTORY: BOUNDS["epochs"][1] * _MAX_EPOCH_LINE,
        METRICS: measures.limit(config),
        VOCABULARY: config.vocab_size * _MAX_WORD_LINE,
        WEIGHTS: tensors.limit(config.shapes()),
        SUMS: checksums.LIMIT,
    }
