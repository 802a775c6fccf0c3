"""A model folder: six files that are a whole model, and nothing in them is code.

    model.json           the card: architecture, labels, data, recipe, where it came from
    weights.safetensors  float32, names and shapes as the card implies
    vocab.txt            a word and its count a line
    metrics.json         what was measured
    history.jsonl        an epoch a line
    SHA256SUMS           of all the others

Each file is read once, and its SHA-256 is checked on the very bytes that are used. How large it may be follows from
the card. Other files in the folder are nobody's business here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lstmctl.config import FIRST_WORD, ModelConfig
from lstmctl.errors import NotFound, Rejected
from lstmctl.files import Folder, os_errors
from lstmctl.history import EpochRecord, from_jsonl, to_jsonl
from lstmctl.record import BOUNDS
from lstmctl.registry import card as cards
from lstmctl.registry import checksums, measures, strictjson, tensors
from lstmctl.registry.card import ModelCard
from lstmctl.text import MAX_WORD_LENGTH, Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FILES", "ModelCard", "ModelFolder", "open_model", "pack"]

CARD, WEIGHTS, VOCABULARY = "model.json", "weights.safetensors", "vocab.txt"
METRICS, HISTORY, SUMS = "metrics.json", "history.jsonl", checksums.NAME
FILES = (CARD, WEIGHTS, VOCABULARY, METRICS, HISTORY, SUMS)
_MAX_EPOCH_LINE = 1_000  # bytes of a line of history.jsonl
_MAX_WORD_LINE = 4 * MAX_WORD_LENGTH + 20  # bytes of a line of vocab.txt

T = TypeVar("T")


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
    allowed, files, readers = limits(config), {}, _readers(config)
    for name, write in writers.items():
        with _rejecting("the model", name):
            files[name] = write()
            if len(files[name]) > allowed[name]:
                raise ValueError(f"would have {len(files[name]):,} bytes; at most {allowed[name]:,} can be read")
            if name != WEIGHTS:  # `tensors.pack` has looked at every number
                readers[name](files[name])
    return files | {SUMS: checksums.of(files)}


def unpack_card(data: bytes, reference: str) -> ModelCard:
    """A model.json from a stranger.

    Raises:
        Rejected: it cannot be used.
    """
    with _rejecting(reference, CARD):
        return ModelCard.from_json(data)


def verify_files(files: Mapping[str, bytes], reference: str) -> ModelCard:
    """Check the files of a model folder that comes from a stranger, all of them and all in them; its card.

    Raises:
        Rejected: one of them cannot be used.
    """
    card = unpack_card(files[CARD], reference)
    with _rejecting(reference, SUMS):
        sums = checksums.parse(files[SUMS])
    for name, read in _readers(card.config).items():
        with _rejecting(reference, name):
            if sums.get(name) != checksums.digest(files[name]):
                raise ValueError(f"does not have the SHA-256 that {SUMS} says")
            read(files[name])
    return card


def open_model(path: Path, reference: str, *, inside: tuple[str, ...] = ()) -> "ModelFolder":
    """The model in the folder `path`, links followed, and in it in `inside`, where none is. Reads its card.

    Raises:
        NotFound: there is no such folder. Rejected: damaged, hostile, or of a newer format. PermissionDenied,
        StorageError.
    """
    return ModelFolder(path, reference, inside=inside)


class ModelFolder:
    """A model on the disk. `reference` is what the user calls it, `card` its model.json.

    The methods raise what `open_model` raises. Nothing stays open between them.
    """

    def __init__(self, path: Path, reference: str, *, inside: tuple[str, ...] = ()) -> None:
        self.path = path.joinpath(*inside)
        self.reference = reference
        self._base, self._inside = path, inside
        with _rejecting(reference, SUMS):
            self._sums = checksums.parse(self._read(SUMS, checksums.LIMIT))
        self.card = self._checked(CARD, cards.LIMIT, ModelCard.from_json)
        self._limits = limits(self.card.config)
        self._readers = _readers(self.card.config)

    @cached_property
    def size(self) -> int:
        """Bytes of its files."""
        with self._open() as folder, os_errors(f"read {self.path}"):
            present = set(folder.names())
            return sum(folder.status(name).st_size for name in FILES if name in present)

    @property
    def sha256(self) -> str:
        """One for all its files."""
        return checksums.digest("".join(f"{name} {self._sums[name]}\n" for name in sorted(self._sums)).encode())

    def metrics(self) -> dict[str, Any]:
        """What was measured when the model was made: `test` and `floors`, where there are such."""
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

    def files(self) -> dict[str, bytes]:
        """The bytes of all its files, each one checked."""
        content = {name: self._read(name, self._limits[name]) for name in FILES}
        verify_files(content, self.reference)  # of these very bytes
        return content

    def same(self, files: Mapping[str, bytes]) -> bool:
        """Whether its weights and its history, down to the seconds it took, are those in `files`: whether these are of
        the same training run.
        """
        return all(self._sums.get(name) == checksums.digest(files[name]) for name in (WEIGHTS, HISTORY))

    def verify(self) -> None:
        """Read and check everything."""
        for read in (self.metrics, self.history, self.vocabulary, self.weights):
            read()

    def _parsed(self, name: str) -> Any:
        return self._checked(name, self._limits[name], self._readers[name])

    def _checked(self, name: str, limit: int, parse: Callable[[bytes], T]) -> T:
        with _rejecting(self.reference, name):
            data = self._read(name, limit)
            if self._sums.get(name) != checksums.digest(data):
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

    def _open(self) -> Folder:
        with os_errors(f"read {self.path}"):
            try:
                return Folder.open(self._base, *self._inside)
            except FileNotFoundError as error:
                raise NotFound(f"there is no model folder {self.path}", hint="lstmctl models list") from error
            except NotADirectoryError as error:
                raise Rejected(f"{self.path} is not a folder", hint="lstmctl models list") from error


@contextmanager
def _rejecting(reference: str, name: str) -> Iterator[None]:
    """Turn what is found wrong with the file `name` into one error."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Rejected(f"{reference} cannot be used: {name} {reason}", hint=_hint(reference, error)) from error


def _hint(reference: str, error: Exception) -> str | None:
    if isinstance(error, cards.NewerFormat):
        return "pip install --upgrade lstmctl"
    if "/" in reference:
        return f"sha256sum -c {SUMS}, in that folder, tells which of its files changed"
    return f"lstmctl models rm {reference} puts it aside" if "@" in reference else None


def _vocabulary(data: bytes, config: ModelConfig) -> Vocabulary:
    vocabulary = Vocabulary.from_text(data.decode("utf-8"))
    if len(vocabulary) != config.vocab_size:
        raise ValueError(
            f"has {len(vocabulary) - FIRST_WORD:,} words; the model has {config.vocab_size - FIRST_WORD:,}"
        )
    if config.start_word is not None and config.start_word not in vocabulary.ids:
        raise ValueError("lacks the word that the model reads before every text")
    return vocabulary


def _readers(config: ModelConfig) -> dict[str, Callable[[bytes], Any]]:
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
