"""A model of ours from a .keras file and the vocabulary that belongs to it.

A child process reads the file (`keras_file`); what it answers is no more trusted than the file. Then the rows of the
embedding are put in our order: padding, unknown, the words by their ids, and the word that marks the start of a text,
where there is one. Rows that no word leads to are left out. So a text gets the probabilities that Keras gives for the
ids which the script would have made of its words.
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
from lstmctl.interchange.keras_network import MAX_ANSWER_LINE, MAX_FILE
from lstmctl.interchange.keras_words import KerasWords, usable
from lstmctl.model.text import Vocabulary
from lstmctl.registry import strictjson, tensors
from lstmctl.storage.filesystem import os_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.float32]]

_OTHER = "--vocab FILE takes the words that the model was trained with"
START_WORD = "<start>"  # no tokenizer makes this of a text
_SECONDS = 120  # for a child that hangs; it has 60 of computing
_PROGRAM = "lstmctl.interchange.keras_file"


class KerasModel(NamedTuple):
    """The content of a .keras file; `config` has the file's rows as vocabulary, and numbers as labels."""

    config: ModelConfig
    length: int | None  # words, padding included, that every text must have; None: any will do
    weights: "Weights"
    sha256: str  # of the file


def read(path: Path) -> KerasModel:
    """The content of a .keras file; `-` is stdin.

    Raises:
        NotFound: there is no such file. Rejected: it cannot be used. MissingExtra: nothing here can read HDF5.
        PermissionDenied, StorageError.
    """
    if find_spec("h5py") is None:
        raise MissingExtra("h5py, which reads .keras files,", packages="h5py")
    with _opened(path) as file:
        config, length, weights = _ask(file, path)
        file.seek(0)
        sha256 = file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    return KerasModel(config, length, weights, sha256)


def _ask(file: BinaryIO, path: Path) -> "tuple[ModelConfig, int | None, Weights]":
    with _child(file) as answer:
        try:
            about = strictjson.parse_object(answer.readline(MAX_ANSWER_LINE))
            if "error" in about:
                raise ValueError(about["error"])
            config, length = ModelConfig.from_dict(about["config"]), about["length"]
            if length not in (None, config.max_len):
                raise ValueError("is of two lengths")
            shapes = config.shapes()
            return config, length, tensors.unpack(answer.read(tensors.limit(shapes) + 1), shapes)
        except (ValueError, KeyError, RecursionError) as error:
            hint = "models import takes what models export wrote, and .keras files of Embedding, LSTM and Dense layers"
            raise Rejected(f"{path} cannot be used: it {error}", hint=hint) from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file; stdin is copied into one without a name."""
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
            raise Rejected(
                f"{path} cannot be used: it is not a regular file of at most {MAX_FILE:,} bytes",
                hint="copy it to a file",
            )
        with open(descriptor, "rb", buffering=0) as opened:
            yield opened


@contextmanager
def _child(file: BinaryIO) -> Iterator[IO[bytes]]:
    """What the child process says about the file."""
    # HDF5 can load plugins from wherever the environment says; "::" forbids that. No module comes from the current
    # folder (-P), and no threads of BLAS are needed.
    environment = os.environ | {"HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", _PROGRAM]
    with subprocess.Popen(
        command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as child:
        guard = threading.Timer(_SECONDS, child.kill)
        guard.start()
        try:
            if child.stdout is not None:
                yield child.stdout
        finally:
            guard.cancel()
            child.kill()


def convert(
    model: KerasModel, words: KerasWords, *, max_len: int | None = None, labels: Sequence[str] = ()
) -> tuple[ModelConfig, Vocabulary, "Weights"]:
    """The same model with our vocabulary and labels; its config, vocabulary and weights.

    Raises:
        UsageError: the labels or the length are not those of the model. BadData: the words are of another model.
    """
    rows, config = model.config.vocab_size, model.config
    if max_len is not None and model.length not in (None, max_len):
        raise UsageError(f"--max-len {max_len} is not the {model.length} of the model", hint="leave it out")
    if labels and len(labels) != len(config.labels):
        raise UsageError(
            f"{len(labels)} labels for a model that tells {len(config.labels)} apart",
            hint="--label LABEL, once for each",
        )
    if words.unknown >= rows or (words.start or 0) >= rows:
        raise BadData(f"the vocabulary is of another model: this one has only {rows:,} words", hint=_OTHER)
    ids = [number for number in sorted(words.words) if number < rows and usable(words.words[number])]
    if not ids:
        raise BadData("the vocabulary has no word that the model knows", hint=_OTHER)
    known = [words.words[number] for number in ids]
    if words.start is not None:
        ids.append(words.start)
        known.append(START_WORD)
    vocabulary = Vocabulary(known, [0] * len(known))
    if len(vocabulary.ids) != len(known):
        raise BadData("the vocabulary has a word twice", hint=_OTHER)
    config = replace(
        config,
        labels=tuple(labels or config.labels),
        vocab_size=len(vocabulary),
        max_len=model.length or max_len or config.max_len,
        start_word=START_WORD if words.start is not None else None,
    )
    embedding = model.weights["embedding"][[PADDING, words.unknown, *ids]]
    return config.validate(), vocabulary, {**model.weights, "embedding": embedding}
