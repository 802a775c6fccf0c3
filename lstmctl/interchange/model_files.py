"""Models as single files: our archives, which are exported and imported, .keras files and ONNX.

An archive is a tar file of a model folder's files, readable with `tar`. The same model gives the same bytes: files have
a fixed order, time, owner and mode. A reader expects exactly these bytes around the files: it builds each header anew
and compares. So links, paths, devices and extensions of the format are impossible.
"""

import re
import shlex
import sys
import tarfile
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from lstmctl.data.named import KERAS_IMDB, SENTIMENT, keras_imdb_words
from lstmctl.errors import NotFound, Rejected, UsageError
from lstmctl.registry import artifact
from lstmctl.registry.artifact import CARD, FILES, OPTIONAL_FILES, SUMS, ModelFolder
from lstmctl.registry.card import CARD_LIMIT, ModelCard
from lstmctl.registry.names import make_name
from lstmctl.storage.filesystem import open_regular, os_errors

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_SIZE = slice(124, 135)  # the size of a member, in its header: 11 octal digits


class ImportedModel(NamedTuple):
    """The files of a model folder, and remarks for the user."""

    files: dict[str, bytes]
    notes: tuple[str, ...] = ()


def default_name(file: str) -> str:
    """The default name of a model imported from a file.

    >>> default_name("imdb-3.lstmctl")
    'imdb'
    """
    return make_name(re.sub("-[0-9]+$", "", Path(file).stem), default="imported")


def export_model(folder: ModelFolder, kind: Literal["lstmctl", "onnx"]) -> bytes:
    """The bytes of a model's file. (`training.network.to_keras` makes .keras files.)"""
    if kind == "onnx":
        from lstmctl.interchange.onnx import to_onnx

        return to_onnx(folder)
    return pack_archive(folder.files())


def import_file(
    file: str, *, vocab: str | None = None, max_len: int | None = None, labels: Sequence[str] = (), home: Path
) -> ImportedModel:
    """A model from a file of either kind, `-` being stdin; `vocab`, `max_len` and `labels` are for .keras files. The
    word index of Keras is kept in `home`.

    Raises:
        UsageError: options are missing or do not fit. NotFound: there is no such file. Rejected: it cannot be used.
        BadData: the vocabulary cannot be used. MissingExtra: h5py is not installed. PermissionDenied, StorageError.
    """
    if file == "-" and sys.stdin is None:
        raise NotFound("cannot read standard input: it is closed", hint="name a file")
    if vocab is None:
        if file.endswith(".keras"):
            hint = f"lstmctl models import {shlex.quote(file)} --vocab FILE, or --vocab {KERAS_IMDB}"
            raise UsageError(f"{file} needs its vocabulary: it contains word ids, not words", hint=hint)
        if max_len is not None or labels:
            raise UsageError("--max-len and --label go with --vocab, for a .keras file", hint="leave them out")
        return ImportedModel(read_archive(Path(file)))
    from lstmctl.interchange import from_keras

    words = from_keras.read_words(keras_imdb_words(home) if vocab == KERAS_IMDB else Path(vocab))
    model = from_keras.read(Path(file))
    label_count, notes = len(model.config.labels), []
    if not labels and label_count == len(SENTIMENT):
        labels = SENTIMENT
        notes.append(f"labels: 0 = {labels[0]}, 1 = {labels[1]}; --label LABEL --label LABEL sets others")
    if not labels:
        raise UsageError(f"{file} has {label_count} labels; name them", hint="--label A --label B --label C …")
    config, vocabulary, weights = from_keras.convert(model, words, max_len=max_len, labels=labels)
    if model.length is None and max_len is None and config.padding == "pre":
        notes.append(f"texts are padded to {config.max_len} words; --max-len N sets the length that the script used")
    word_count = len(vocabulary.words) - (config.start_word is not None)
    notes.append(f"{word_count:,} words, {config.parameters:,} parameters")
    command = ["lstmctl", "models", "import", file, "--vocab", vocab]
    command += [] if max_len is None else ["--max-len", str(max_len)]
    command += [word for label in labels for word in ("--label", label)]
    card = ModelCard(
        config=config,
        data=None,
        data_sha256=model.sha256,
        rows={},
        training=None,
        epoch=0,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        command=tuple(command),
        versions={},
    )
    files = artifact.pack(card, vocabulary=vocabulary, weights=weights, metrics={}, history=())
    return ImportedModel(files, tuple(notes))


def pack_archive(files: Mapping[str, bytes]) -> bytes:
    """The archive of a model's files."""
    parts = []
    for name in (*FILES, *(name for name in OPTIONAL_FILES if name in files)):
        data = files[name]
        parts += [_header(name, len(data)), data, bytes(-len(data) % _BLOCK)]
    return b"".join(parts) + _END


def read_archive(path: Path) -> dict[str, bytes]:
    """The files of a model in an archive, all of them checked; `-` is stdin.

    Raises:
        NotFound: there is no such file. Rejected: it cannot be used. PermissionDenied, StorageError.
    """
    with os_errors(f"read {path}"):
        try:
            with nullcontext(sys.stdin.buffer) if str(path) == "-" else open_regular(path) as file:
                files = read_members(file, str(path))
        except (FileNotFoundError, IsADirectoryError) as error:
            hint = "lstmctl models export imdb@1 -o FILE makes one"
            raise NotFound(f"there is no file {path}", hint=hint) from error
    artifact.check_files(files, str(path))
    return files


def read_members(file: BinaryIO, path: str) -> dict[str, bytes]:
    """The files of an archive, not yet checked. The card comes first; it determines the maximum size of the others.
    SHA256SUMS tells which of the optional files come after it."""
    files: dict[str, bytes] = {}
    limits, names = {CARD: CARD_LIMIT}, deque(FILES)
    while names:
        name = names.popleft()
        size = _read_size(file.read(_BLOCK), name, path)
        if size > limits[name]:
            raise _rejected(path, f"its {name} has {size:,} bytes, over the limit of {limits[name]:,}")
        padded = size + -size % _BLOCK
        data = file.read(padded)
        if len(data) != padded or any(data[size:]):
            raise _rejected(path, f"its {name} is cut off")
        files[name] = data[:size]
        if name == CARD:
            limits = artifact.file_limits(artifact.parse_card(files[name], path))
        if name == SUMS:
            names.extend(artifact.listed_optional_files(files[name], path))
    if file.read(len(_END) + 1) != _END:
        raise _rejected(path, "it has the wrong end")
    return files


def _read_size(header: bytes, name: str, path: str) -> int:
    """The file size in a header whose other fields are all as expected."""
    digits = header[_SIZE]
    size = int(digits, 8) if len(digits) == 11 and not digits.strip(b"01234567") else -1
    if size < 0 or header != _header(name, size):
        raise _rejected(path, f"it is not a model that lstmctl exported: {name} is missing or in the wrong position")
    return size


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.USTAR_FORMAT)


def _rejected(path: str, reason: str) -> Rejected:
    return Rejected(f"{path} cannot be used: {reason}", hint="lstmctl models export imdb@1 -o FILE makes such a file")
