"""Models as single files: ours, which are exported and imported, .keras files and ONNX."""

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from lstmctl.data.named import KERAS_IMDB, SENTIMENT, keras_imdb_words
from lstmctl.errors import NotFound, UsageError
from lstmctl.registry.names import make_name

if TYPE_CHECKING:
    from lstmctl.registry.artifact import ModelFolder


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


def export_model(folder: "ModelFolder", kind: Literal["lstmctl", "onnx"]) -> bytes:
    """The bytes of a model's file. (`training.network.to_keras` makes .keras files.)"""
    if kind == "onnx":
        from lstmctl.interchange.onnx import to_onnx

        return to_onnx(folder)
    from lstmctl.interchange import archive

    return archive.pack(folder.files())


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
            hint = f"lstmctl models import {file} --vocab FILE, or --vocab {KERAS_IMDB}"
            raise UsageError(f"{file} needs its vocabulary: it contains word ids, not words", hint=hint)
        if max_len is not None or labels:
            raise UsageError("--max-len and --label go with --vocab, for a .keras file", hint="leave them out")
        from lstmctl.interchange import archive

        return ImportedModel(archive.read(Path(file)))

    from lstmctl.interchange import from_keras, keras_words
    from lstmctl.registry import artifact
    from lstmctl.registry.card import ModelCard

    words = keras_words.read(keras_imdb_words(home) if vocab == KERAS_IMDB else Path(vocab))
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
