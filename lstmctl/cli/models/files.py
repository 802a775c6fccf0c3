"""Models as single files: what `models export` writes and `models import` reads."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lstmctl.cli.console import Console
from lstmctl.cli.registry_access import open_registry
from lstmctl.data.named import KERAS_IMDB, SENTIMENT
from lstmctl.errors import BadData, NotFound, UsageError

if TYPE_CHECKING:
    from lstmctl.interchange.keras_words import KerasWords
    from lstmctl.registry.artifact import ModelFolder


def exported(folder: "ModelFolder", to: str) -> bytes:
    """The bytes of a model's file of that kind."""
    if to == "onnx":
        from lstmctl.interchange.onnx import to_onnx

        return to_onnx(folder)
    if to == "keras":
        from lstmctl.training.framework import import_in_background

        import_in_background().wait()
        from lstmctl.training.network import to_keras

        return to_keras(folder)
    from lstmctl.interchange.archive import export

    return export(folder.files())


def imported(
    console: Console, file: str, *, vocab: str | None, max_len: int | None, labels: Sequence[str]
) -> dict[str, bytes]:
    """The files of a model folder from a file of one of the two kinds. A vocabulary belongs to a .keras file."""
    if file == "-" and sys.stdin is None:
        raise NotFound("cannot read standard input: it is closed", hint="name a file")
    if vocab is not None:
        return _from_keras(console, file, vocab=vocab, max_len=max_len, labels=labels)
    if file.endswith(".keras"):
        raise UsageError(
            f"{file} needs its vocabulary: it knows its words by number alone",
            hint=f"lstmctl models import {file} --vocab FILE, or --vocab {KERAS_IMDB}",
        )
    if max_len is not None or labels:
        raise UsageError("--max-len and --label go with --vocab, for a .keras file", hint="leave them out")
    from lstmctl.interchange import archive

    _, files = archive.read(Path(file))
    return files


def _from_keras(
    console: Console, file: str, *, vocab: str, max_len: int | None, labels: Sequence[str]
) -> dict[str, bytes]:
    from datetime import UTC, datetime

    from lstmctl.interchange import from_keras
    from lstmctl.registry import artifact
    from lstmctl.registry.card import ModelCard

    words = _words(vocab)
    model = from_keras.read(Path(file))
    known = model.config.labels
    if not labels and len(known) == len(SENTIMENT):
        labels = SENTIMENT
        console.note(f"labels: 0 = {labels[0]}, 1 = {labels[1]}; --label LABEL --label LABEL names others")
    if not labels:
        raise UsageError(f"{file} tells {len(known)} labels apart; name them", hint="--label A --label B --label C …")
    config, vocabulary, weights = from_keras.convert(model, words, max_len=max_len, labels=labels)
    if model.length is None and max_len is None and config.padding == "pre":
        console.note(f"texts are padded to {config.max_len} words; --max-len N says how many the script used")
    console.note(f"{len(vocabulary.words) - (config.start_word is not None):,} words, {config.parameters:,} parameters")
    card = ModelCard(
        config=config,
        data=None,
        data_sha256=model.sha256,
        rows={},
        training=None,
        epoch=0,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        command=_command(file, vocab, max_len, labels),
        versions={},
    )
    return artifact.pack(card, vocabulary=vocabulary, weights=weights, metrics={}, history=())


def _command(file: str, vocab: str, max_len: int | None, labels: Sequence[str]) -> tuple[str, ...]:
    length = () if max_len is None else ("--max-len", str(max_len))
    named = [word for label in labels for word in ("--label", label)]
    return ("lstmctl", "models", "import", file, "--vocab", vocab, *length, *named)


def _words(vocab: str) -> "KerasWords":
    from lstmctl.data.named import keras_imdb_words
    from lstmctl.data.opening import open_bytes
    from lstmctl.interchange import keras_words

    path = keras_imdb_words(open_registry().home) if vocab == KERAS_IMDB else Path(vocab)
    try:
        with open_bytes(path) as opened:
            data = opened.read(keras_words.MAX_FILE + 1)
    except NotFound as error:
        raise NotFound(error.message, hint=error.hint or f"--vocab FILE, or --vocab {KERAS_IMDB}") from error
    if len(data) > keras_words.MAX_FILE:
        raise BadData(f"{path} is too large for a vocabulary", hint=keras_words.FORMATS)
    return keras_words.parse(data, str(path))
