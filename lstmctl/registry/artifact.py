"""A model folder: the files that make up a model. None of them contains code, and none is trusted.

    model.json           the card: architecture, labels, data, recipe, origin
    weights.safetensors  float32, with the names and shapes that follow from the card
    vocab.txt            a word and its count on each line
    metrics.json         scores and baselines
    history.jsonl        an epoch on each line
    digests.bin          8 bytes for each row of its data (`lstmctl.data.digests`); older and imported models have none
    SHA256SUMS           checksums of the others, for `sha256sum -c SHA256SUMS`

The maximum size of each file follows from the card. A file is read once, and its checksum is computed from the very
bytes that are used. Other files in the folder are ignored. A file that cannot be used is a Rejected error.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lstmctl.config import BOUNDS, FIRST_WORD, ModelConfig
from lstmctl.errors import NotFound, Rejected
from lstmctl.history import EpochRecord, from_jsonl, to_jsonl
from lstmctl.model.text import MAX_WORD_LENGTH, Vocabulary
from lstmctl.registry import strictjson, tensors
from lstmctl.registry.card import CARD_LIMIT, ModelCard, NewerFormat, metrics_limit, parse_metrics
from lstmctl.storage.filesystem import Directory, os_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lstmctl.data.digests import RowDigests
    from lstmctl.model.classifier import Classifier

T = TypeVar("T")
CARD, WEIGHTS, VOCABULARY = "model.json", "weights.safetensors", "vocab.txt"
METRICS, HISTORY, SUMS = "metrics.json", "history.jsonl", "SHA256SUMS"
FILES = (CARD, WEIGHTS, VOCABULARY, METRICS, HISTORY, SUMS)
DIGESTS = "digests.bin"
OPTIONAL_FILES = (DIGESTS,)  # which a model has if SHA256SUMS lists them
SUMS_LIMIT = 65_536  # bytes
_MAX_EPOCH_LINE = 1_000  # bytes of a line of history.jsonl
_MAX_WORD_LINE = 4 * MAX_WORD_LENGTH + 20  # bytes of a line of vocab.txt
_DIGESTS_LIMIT = 2**28 + 64  # bytes of digests.bin
_DIGEST_HEADER_LIMIT = 64
_SUMS_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_-][A-Za-z0-9._/-]{0,199})")


class ModelFolder:
    """A model on disk. `reference` is the user's name for it, `card` its model.json. No file stays open between calls.

    Methods raise NotFound if there is no such folder, Rejected if the model is damaged, hostile or of a newer format,
    PermissionDenied and StorageError.
    """

    def __init__(
        self,
        path: Path,
        reference: str,
        *,
        inside: tuple[str, ...] = (),
        find_imported: Callable[[], bool] = lambda: False,
    ) -> None:
        """Read the card of the model in the subfolder `inside`, following no links, of `path`, following links.
        `find_imported` is asked for `is_imported`."""
        self.path = path.joinpath(*inside)
        self.reference = reference
        self._base, self._inside, self._find_imported = path, inside, find_imported
        self._limits = {CARD: CARD_LIMIT}
        with _rejecting(reference, SUMS):
            self._sums = parse_sums(self._read(SUMS, SUMS_LIMIT))
        self.card = self._load(CARD, ModelCard.from_json)
        self._limits = file_limits(self.card)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its files."""
        return names_of_files(self._sums)

    @cached_property
    def is_imported(self) -> bool:
        """Whether it was made elsewhere: then its card says nothing about files of this machine."""
        return self._find_imported()

    @cached_property
    def size(self) -> int:
        """Bytes of its files."""
        with self._open() as directory, os_errors(f"read {self.path}"):
            present = set(directory.names())
            return sum(directory.status(name).st_size for name in self.names if name in present)

    @property
    def sha256(self) -> str:
        """A checksum of all its files."""
        return sha256_hex("".join(f"{name} {self._sums[name]}\n" for name in sorted(self._sums)).encode())

    def metrics(self) -> dict[str, Any]:
        """The scores of the model when it was trained: `test` and `baselines`, if it has them."""
        return self._metrics

    @cached_property
    def _metrics(self) -> dict[str, Any]:
        return self._load(METRICS, lambda data: parse_metrics(data, self.card.config))

    def history(self) -> tuple[EpochRecord, ...]:
        """The epochs of its training; none for an imported model."""
        return self._load(HISTORY, from_jsonl)

    def vocabulary(self) -> Vocabulary:
        """Its vocabulary: one word for each row of its embedding."""
        return self._load(VOCABULARY, lambda data: _parse_vocabulary(data, self.card.config))

    def weights(self) -> "dict[str, NDArray[Any]]":
        """Its tensors, by the names of `shapes_of(card.config)`: finite and read-only."""
        return self._load(WEIGHTS, lambda data: _parse_weights(data, self.card.config))

    def digests(self) -> "RowDigests | None":
        """The digests of the rows it was made with; None if it has none."""
        return self._load(DIGESTS, lambda data: _parse_digests(data, self.card)) if DIGESTS in self._sums else None

    def classifier(self) -> "Classifier":
        """The model in memory, ready to predict."""
        from lstmctl.model.classifier import Classifier

        return Classifier(self.card.config, self.vocabulary(), self.weights())

    def describe(self, *, tags: Sequence[str] = ()) -> dict[str, Any]:
        """The model as JSON values (lstmctl.model/1), with the accuracy on its test texts, or None."""
        card, test = self.card, self.metrics().get("test")
        accuracy = test["metrics"]["accuracy"] if test else {}
        return {
            "schema": "lstmctl.model/1",
            "model": self.reference,
            "tags": list(tags),
            "data": ", ".join(card.data.sources) if card.data is not None else None,
            "accuracy": accuracy.get("value"),
            **{name: accuracy.get(name) for name in ("low", "high", "n")},
            "epoch": card.epoch,
            "parameters": card.config.parameters,
            "bytes": self.size,
            "created": card.created,
        }

    def files(self) -> dict[str, bytes]:
        """The bytes of all its files, checked."""
        files = {name: self._read(name, self._limits[name]) for name in self.names}
        check_files(files, self.reference)
        return files

    def is_same_run(self, files: Mapping[str, bytes]) -> bool:
        """Whether `files` come from the same training run: they have its weights and its history, seconds included."""
        return all(self._sums.get(name) == sha256_hex(files[name]) for name in (WEIGHTS, HISTORY))

    def verify(self) -> None:
        """Read and check every file."""
        for name, parse in _parsers(self.card, self.names).items():
            self._load(name, parse)

    def _load(self, name: str, parse: Callable[[bytes], T]) -> T:
        with _rejecting(self.reference, name):
            data = self._read(name, self._limits[name])
            check_sum(self._sums, name, data)
            return parse(data)

    def _read(self, name: str, limit: int) -> bytes:
        with _rejecting(self.reference, name), self._open() as directory:
            try:
                return directory.read(name, limit=limit)
            except FileNotFoundError as error:
                with self._open():  # NotFound, if the whole model was removed while the folder was open
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


def pack(
    card: ModelCard,
    *,
    vocabulary: Vocabulary,
    weights: "Mapping[str, NDArray[Any]]",
    metrics: Mapping[str, Any],
    history: Iterable[EpochRecord],
    digests: "RowDigests | None" = None,
) -> dict[str, bytes]:
    """The files of a model folder, SHA256SUMS last. The same model gives the same bytes.

    `weights` have the names and shapes of `shapes_of(card.config)`. Rejected: the files could not be read
    back, for example because of other shapes, or a vocabulary of another size.
    """
    config = card.config
    writers: dict[str, Callable[[], bytes]] = {
        CARD: card.to_json,
        HISTORY: lambda: to_jsonl(history),
        METRICS: lambda: strictjson.dump(metrics),
        VOCABULARY: lambda: vocabulary.to_text().encode(),
        WEIGHTS: lambda: tensors.pack(weights, shapes_of(config)),
    }
    if digests is not None:
        writers[DIGESTS] = digests.to_bytes
    limits, parsers, files = file_limits(card), _parsers(card, writers), {}
    for name, write in writers.items():
        with _rejecting("the model", name):
            files[name] = write()
            if len(files[name]) > limits[name]:
                raise ValueError(f"would have {len(files[name]):,} bytes, over the limit of {limits[name]:,}")
            if name != WEIGHTS:  # `tensors.pack` has checked every number
                parsers[name](files[name])
    return files | {SUMS: format_sums(files)}


def parse_card(data: bytes, reference: str) -> ModelCard:
    """The card in an untrusted model.json."""
    with _rejecting(reference, CARD):
        return ModelCard.from_json(data)


def check_files(files: Mapping[str, bytes], reference: str) -> None:
    """Check every byte of the files of an untrusted model folder."""
    card = parse_card(files[CARD], reference)
    with _rejecting(reference, SUMS):
        sums = parse_sums(files[SUMS])
    for name, parse in _parsers(card, names_of_files(sums)).items():
        with _rejecting(reference, name):
            if name not in files:
                raise ValueError("is missing")
            check_sum(sums, name, files[name])
            parse(files[name])


def names_of_files(sums: Iterable[str]) -> tuple[str, ...]:
    """The names of a model's files, in order; `sums` are the names in its SHA256SUMS."""
    return (*FILES, *(name for name in OPTIONAL_FILES if name in sums))


def listed_optional_files(sums: bytes, reference: str) -> list[str]:
    """The optional files that an untrusted SHA256SUMS lists."""
    with _rejecting(reference, SUMS):
        listed = parse_sums(sums)
    return [name for name in OPTIONAL_FILES if name in listed]


def file_limits(card: ModelCard) -> dict[str, int]:
    """The maximum size of each file of a model, in bytes."""
    return {
        CARD: CARD_LIMIT,
        HISTORY: BOUNDS["epochs"][1] * _MAX_EPOCH_LINE,
        METRICS: metrics_limit(card.config),
        VOCABULARY: card.config.vocab_size * _MAX_WORD_LINE,
        WEIGHTS: tensors.limit(shapes_of(card.config)),
        SUMS: SUMS_LIMIT,
        DIGESTS: min(_DIGESTS_LIMIT, _DIGEST_HEADER_LIMIT + 8 * sum(card.rows.values())),
    }


def _parsers(card: ModelCard, names: Iterable[str]) -> dict[str, Callable[[bytes], Any]]:
    """What reads and checks each file of a model that has files of these names."""
    config = card.config
    parsers: dict[str, Callable[[bytes], Any]] = {
        CARD: ModelCard.from_json,
        HISTORY: from_jsonl,
        METRICS: lambda data: parse_metrics(data, config),
        VOCABULARY: lambda data: _parse_vocabulary(data, config),
        WEIGHTS: lambda data: _parse_weights(data, config),
        DIGESTS: lambda data: _parse_digests(data, card),
    }
    return {name: parse for name, parse in parsers.items() if name in (*FILES, *names)}


def _parse_digests(data: bytes, card: ModelCard) -> "RowDigests":
    from lstmctl.data.digests import RowDigests

    return RowDigests.from_bytes(data, card.rows)


def shapes_of(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Name → shape of every tensor of a model: of its network, and of its n-gram table."""
    return config.shapes() | config.ngram_shapes()


def _parse_weights(data: bytes, config: ModelConfig) -> "dict[str, NDArray[Any]]":
    weights = tensors.unpack(data, shapes_of(config))
    if config.ngram_order:
        from lstmctl.model.ngrams import check_table

        check_table(weights, config)
    return weights


def _parse_vocabulary(data: bytes, config: ModelConfig) -> Vocabulary:
    vocabulary = Vocabulary.from_text(data.decode("utf-8"))
    if len(vocabulary) != config.vocab_size:
        words, expected = len(vocabulary) - FIRST_WORD, config.vocab_size - FIRST_WORD
        raise ValueError(f"has {words:,} words; the model has {expected:,}")
    if config.start_word is not None and config.start_word not in vocabulary.ids:
        raise ValueError("lacks the start word of the model")
    return vocabulary


@contextmanager
def _rejecting(reference: str, name: str) -> Iterator[None]:
    """Turn a problem found in the file `name` into a Rejected error."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        hint = "lstmctl models export writes such files"
        if isinstance(error, NewerFormat):
            hint = "pip install --upgrade lstmctl"
        elif "/" in reference:
            hint = f"sha256sum -c {SUMS}, run in that folder, shows which files changed"
        elif "@" in reference:
            hint = f"lstmctl models rm {reference} removes it"
        raise Rejected(f"{reference} cannot be used: {name} {reason}", hint=hint) from error


def format_sums(files: Mapping[str, bytes]) -> bytes:
    """The content of SHA256SUMS for these files, sorted by name."""
    return "".join(f"{sha256_hex(files[name])}  {name}\n" for name in sorted(files)).encode()


def parse_sums(data: bytes) -> dict[str, str]:
    """File name → SHA-256 in hexadecimal. ValueError: with the reason."""
    lines = data.decode("ascii").split("\n")
    if lines.pop():
        raise ValueError("has an unfinished last line")
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _SUMS_LINE.fullmatch(line)
        if match is None or match[2] in sums:
            raise ValueError(f"has an invalid or repeated entry in line {number}")
        sums[match[2]] = match[1]
    return sums


def check_sum(sums: Mapping[str, str], name: str, data: bytes) -> None:
    """Compare a file with SHA256SUMS. ValueError: it differs, or is not listed."""
    if sums.get(name) != sha256_hex(data):
        raise ValueError(f"does not have the SHA-256 listed in {SUMS}")


def sha256_hex(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
