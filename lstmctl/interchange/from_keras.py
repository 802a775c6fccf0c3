"""Import of a .keras file with its vocabulary.

A child process reads the file (`keras_file`); its result is trusted no more than the file. Then the rows of the
embedding are put in our order: padding, unknown, the words by id, and the start word, if there is one. Rows without a
word are left out. A text gets the probabilities that Keras gives for the ids that the script would have made from it.
"""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple

from lstmctl.config import PADDING, ModelConfig
from lstmctl.errors import BadData, MissingExtra, NotFound, Rejected, UsageError
from lstmctl.interchange.keras_network import MAX_FILE, MAX_RESULT_LINE
from lstmctl.interchange.keras_words import KerasWords, is_storable
from lstmctl.model.text import Vocabulary
from lstmctl.registry import strictjson, tensors
from lstmctl.storage.filesystem import os_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.float32]]

START_WORD = "<start>"  # no tokenizer produces this from a text
_PROGRAM = "lstmctl.interchange.keras_file"
_SECONDS = 120  # for a child that hangs; its limit is 60 of CPU time
_OTHER_VOCABULARY = "--vocab FILE takes the vocabulary that the model was trained with"


class KerasModel(NamedTuple):
    """The content of a .keras file; `config` has the file's rows as vocabulary, and numbers as labels."""

    config: ModelConfig
    length: int | None  # words that every text must have, padding included; None: any number
    weights: "Weights"
    sha256: str  # of the file


def read(path: Path) -> KerasModel:
    """The content of a .keras file; `-` is stdin.

    Raises:
        NotFound: there is no such file. Rejected: it cannot be used. MissingExtra: h5py is not installed.
        PermissionDenied, StorageError.
    """
    if find_spec("h5py") is None:
        raise MissingExtra("h5py, which reads .keras files,", packages="h5py")
    with _open(path) as file:
        config, length, weights = _read_in_child(file, path)
        file.seek(0)
        sha256 = file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    return KerasModel(config, length, weights, sha256)


def _read_in_child(file: BinaryIO, path: Path) -> "tuple[ModelConfig, int | None, Weights]":
    with _start_child(file) as output:
        try:
            result = strictjson.parse_object(output.readline(MAX_RESULT_LINE))
            if "error" in result:
                raise ValueError(result["error"])
            config, length = ModelConfig.from_dict(result["config"]), result["length"]
            if length not in (None, config.max_len):
                raise ValueError("has two different lengths")
            shapes = config.shapes()
            return config, length, tensors.unpack(output.read(tensors.limit(shapes) + 1), shapes)
        except (ValueError, KeyError, RecursionError) as error:
            hint = "models import reads files from models export, and .keras files of Embedding, LSTM and Dense layers"
            raise Rejected(f"{path} cannot be used: it {error}", hint=hint) from error


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """A regular file; stdin is copied to a temporary one."""
    with os_errors(f"read {path}"):
        if str(path) == "-":
            with tempfile.TemporaryFile() as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
                file.seek(0)
                yield file
            return
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFound(f"there is no file {path}", hint="model.save('FILE.keras') makes one") from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
            os.close(descriptor)
            message = f"{path} cannot be used: it is not a regular file of at most {MAX_FILE:,} bytes"
            raise Rejected(message, hint="copy it to a file")
        with open(descriptor, "rb", buffering=0) as opened:
            yield opened


@contextmanager
def _start_child(file: BinaryIO) -> Iterator[IO[bytes]]:
    """The output of the child process that reads the file."""
    # HDF5 loads plugins from a path in the environment; "::" forbids that. No module is loaded from the current folder
    # (-P), and BLAS needs no threads.
    environment = os.environ | {"HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", _PROGRAM]
    with subprocess.Popen(
        command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as child:
        timeout = threading.Timer(_SECONDS, child.kill)
        timeout.start()
        try:
            if child.stdout is not None:
                yield child.stdout
        finally:
            timeout.cancel()
            child.kill()


def convert(
    model: KerasModel, words: KerasWords, *, max_len: int | None = None, labels: Sequence[str] = ()
) -> tuple[ModelConfig, Vocabulary, "Weights"]:
    """The model with our vocabulary and labels: its config, vocabulary and weights.

    Raises:
        UsageError: the labels or the length do not fit the model. BadData: the vocabulary does not.
    """
    rows, config = model.config.vocab_size, model.config
    if max_len is not None and model.length not in (None, max_len):
        raise UsageError(f"--max-len {max_len}, but the model has {model.length}", hint="leave it out")
    if labels and len(labels) != len(config.labels):
        message = f"{len(labels)} --label options, but the model has {len(config.labels)} labels"
        raise UsageError(message, hint="give one --label LABEL for each, in the model's order")
    if words.unknown >= rows or (words.start or 0) >= rows:
        raise BadData(f"the vocabulary is of another model: this one has only {rows:,} words", hint=_OTHER_VOCABULARY)
    ids = [number for number in sorted(words.words) if number < rows and is_storable(words.words[number])]
    if not ids:
        raise BadData("the vocabulary has no word that the model knows", hint=_OTHER_VOCABULARY)
    known = [words.words[number] for number in ids]
    if words.start is not None:
        ids.append(words.start)
        known.append(START_WORD)
    vocabulary = Vocabulary(known, [0] * len(known))
    if len(vocabulary.ids) != len(known):
        raise BadData("the vocabulary contains a word twice", hint=_OTHER_VOCABULARY)
    config = replace(
        config,
        labels=tuple(labels or config.labels),
        vocab_size=len(vocabulary),
        max_len=model.length or max_len or config.max_len,
        start_word=START_WORD if words.start is not None else None,
    )
    embedding = model.weights["embedding"][[PADDING, words.unknown, *ids]]
    return config.validate(), vocabulary, {**model.weights, "embedding": embedding}
