"""SHA256SUMS: a line for each file, as `sha256sum -c SHA256SUMS` reads it.

A model folder: six files that are a whole model, and nothing in them is code.

    model.json           the card: architecture, labels, data, recipe, where it came from
    weights.safetensors  float32, names and shapes as the card implies
    vocab.txt            a word and its count a line
    metrics.json         what was measured
    history.jsonl        an epoch a line
    SHA256SUMS           of all the others

How large each may be follows from the card. This module knows their content; `model_folder` reads them from the disk.

A model on the disk, read with suspicion: the files that `artifact` describes, in a folder.

Each file is read once, and its SHA-256 is checked on the very bytes that are used. Other files in the folder are
nobody's business here.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lstmctl.config import BOUNDS, FIRST_WORD, ModelConfig
from lstmctl.errors import NotFound, Rejected
from lstmctl.history import EpochRecord, from_jsonl, to_jsonl
from lstmctl.model.text import MAX_WORD_LENGTH, Vocabulary
from lstmctl.registry import card, strictjson, tensors
from lstmctl.registry import card as cards
from lstmctl.registry.card import ModelCard
from lstmctl.storage.filesystem import Directory, os_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lstmctl.model.classifier import Classifier

SUMS = "SHA256SUMS"
SUMS_LIMIT = 65_536  # bytes
_SUMS_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_-][A-Za-z0-9._/-]{0,199})")


def sums_of(files: Mapping[str, bytes]) -> bytes:
    """The content of SHA256SUMS for these files, sorted by name."""
    return "".join(f"{sha256_hex(files[name])}  {name}\n" for name in sorted(files)).encode()


def parse_sums(data: bytes) -> dict[str, str]:
    """File name → SHA-256 in hexadecimal.

    Raises:
        ValueError: saying what is wrong.
    """
    lines = data.decode("ascii").split("\n")
    if lines.pop():
        raise ValueError("has a last line that does not end")
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _SUMS_LINE.fullmatch(line)
        if match is None or match[2] in sums:
            raise ValueError(f"has a line {number} that is not the sum of one more file")
        sums[match[2]] = match[1]
    return sums


def sha256_hex(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


CARD, WEIGHTS, VOCABULARY = "model.json", "weights.safetensors", "vocab.txt"
METRICS, HISTORY = "metrics.json", "history.jsonl"
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
    return files | {SUMS: sums_of(files)}


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
        sums = parse_sums(files[SUMS])
    for name, read in readers(card.config).items():
        with rejecting(reference, name):
            if sums.get(name) != sha256_hex(files[name]):
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
        METRICS: lambda data: card.parse_metrics(data, config),
        VOCABULARY: lambda data: _vocabulary(data, config),
        WEIGHTS: lambda data: tensors.unpack(data, config.shapes()),
    }


def limits(config: ModelConfig | None) -> dict[str, int]:
    """The most bytes that each file of such a model can have; without a model, of the card alone."""
    if config is None:
        return {CARD: cards.CARD_LIMIT}
    return {
        CARD: cards.CARD_LIMIT,
        HISTORY: BOUNDS["epochs"][1] * _MAX_EPOCH_LINE,
        METRICS: card.metrics_limit(config),
        VOCABULARY: config.vocab_size * _MAX_WORD_LINE,
        WEIGHTS: tensors.limit(config.shapes()),
        SUMS: SUMS_LIMIT,
    }


T = TypeVar("T")


class ModelFolder:
    """A model on the disk. `reference` is what the user calls it, `card` its model.json.

    Its methods raise what making it raises. Nothing stays open between them.
    """

    def __init__(self, path: Path, reference: str, *, inside: tuple[str, ...] = ()) -> None:
        """The model in the folder `path`, links followed, and in it in `inside`, where none is. Reads its card.

        Raises:
            NotFound: there is no such folder. Rejected: damaged, hostile, or of a newer format. PermissionDenied,
            StorageError.
        """
        self.path = path.joinpath(*inside)
        self.reference = reference
        self._base, self._inside = path, inside
        with rejecting(reference, SUMS):
            self._sums = parse_sums(self._read(SUMS, SUMS_LIMIT))
        self.card = self._checked(CARD, cards.CARD_LIMIT, ModelCard.from_json)
        self._limits = limits(self.card.config)
        self._readers = readers(self.card.config)

    @cached_property
    def size(self) -> int:
        """Bytes of its files."""
        with self._open() as folder, os_errors(f"read {self.path}"):
            present = set(folder.names())
            return sum(folder.status(name).st_size for name in FILES if name in present)

    @property
    def sha256(self) -> str:
        """One for all its files."""
        return sha256_hex("".join(f"{name} {self._sums[name]}\n" for name in sorted(self._sums)).encode())

    def metrics(self) -> dict[str, Any]:
        """What was measured when the model was made: `test` and `baselines`, where there are such."""
        return self._metrics

    @cached_property
    def _metrics(self) -> dict[str, Any]:
        metrics: dict[str, Any] = self._parsed(METRICS)
        return metrics

    def history(self) -> tuple[EpochRecord, ...]:
        """The epochs of its training; none for a model that was not trained here."""
        records: tuple[EpochRecord, ...] = self._parsed(HISTORY)
        return records

    def vocabulary(self) -> Vocabulary:
        """The words it knows: as many as its embedding has rows for."""
        vocabulary: Vocabulary = self._parsed(VOCABULARY)
        return vocabulary

    def weights(self) -> "dict[str, NDArray[np.float32]]":
        """Its tensors under the names of `card.config.shapes()`, all finite, read-only."""
        tensors_by_name: dict[str, NDArray[np.float32]] = self._parsed(WEIGHTS)
        return tensors_by_name

    def classifier(self) -> "Classifier":
        """The model in memory, ready to answer."""
        from lstmctl.model.classifier import Classifier

        return Classifier(self.card.config, self.vocabulary(), self.weights())

    def files(self) -> dict[str, bytes]:
        """The bytes of all its files, each one checked."""
        content = {name: self._read(name, self._limits[name]) for name in FILES}
        verify_files(content, self.reference)  # of these very bytes
        return content

    def same(self, files: Mapping[str, bytes]) -> bool:
        """Whether its weights and its history, down to the seconds it took, are those in `files`: whether these are of
        the same training run.
        """
        return all(self._sums.get(name) == sha256_hex(files[name]) for name in (WEIGHTS, HISTORY))

    def verify(self) -> None:
        """Read and check everything."""
        for read in (self.metrics, self.history, self.vocabulary, self.weights):
            read()

    def _parsed(self, name: str) -> Any:
        return self._checked(name, self._limits[name], self._readers[name])

    def _checked(self, name: str, limit: int, parse: Callable[[bytes], T]) -> T:
        with rejecting(self.reference, name):
            data = self._read(name, limit)
            if self._sums.get(name) != sha256_hex(data):
                raise ValueError(f"does not have the SHA-256 that {SUMS} says")
            return parse(data)

    def _read(self, name: str, limit: int) -> bytes:
        with self._open() as folder:
            try:
                return folder.read(name, limit=limit)
            except FileNotFoundError as error:
                with self._open():  # NotFound, if the whole model was removed while this folder was open
                    pass
                raise ValueError("is missing") from error
            except Rejected as error:
                raise ValueError(error.message.removeprefix(name).strip()) from error

    def _open(self) -> Directory:
        with os_errors(f"read {self.path}"):
            try:
                return Directory.open(self._base, *self._inside)
            except FileNotFoundError as error:
                raise NotFound(f"there is no model folder {self.path}", hint="lstmctl models list") from error
            except NotADirectoryError as error:
                raise Rejected(f"{self.path} is not a folder", hint="lstmctl models list") from error
