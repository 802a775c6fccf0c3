"""Import of a .keras file with its vocabulary.

A child process reads the file (`keras_file`); its result is trusted no more than the file. Then the rows of the
embedding are put in our order: padding, unknown, the words by id, and the start word, if there is one. Rows without a
word are left out. A text gets the probabilities that Keras gives for the ids that the script would have made from it.

The word of each id comes from the vocabulary file that the script saved:

    JSON object    word → number, as `keras.datasets.imdb.get_word_index` gives it
    JSON list      words, as `TextVectorization.get_vocabulary` gives them; the first one's number is 0
    lines          the same, a word on each line
    vocab.txt      of a model folder: word, tab, count

If special words are among them ("", [UNK], <PAD>, <START> and similar), numbers are ids. Otherwise they are ranks by
frequency, starting at 1, and ids are those of `keras.datasets.imdb.load_data`: the number plus 3, after 0 for padding,
1 for the start of a text and 2 for unknown words.

Source: https://keras.io/api/datasets/imdb/, https://keras.io/api/layers/preprocessing_layers/text/text_vectorization/
"""

import json
import os
import re
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
from typing import IO, BinaryIO, NamedTuple

from lstmctl.config import FIRST_WORD, PADDING, UNKNOWN, ModelConfig
from lstmctl.data.opening import reading_error
from lstmctl.errors import BadData, MissingExtra, NotFound, Rejected, UsageError
from lstmctl.interchange.keras_network import MAX_FILE, MAX_RESULT_LINE
from lstmctl.model.lstm import Floats
from lstmctl.model.text import MAX_WORD_LENGTH, Vocabulary
from lstmctl.process import python_child
from lstmctl.registry import strictjson, tensors
from lstmctl.storage.filesystem import open_regular, os_errors

START_WORD = "<start>"  # no tokenizer produces this from a text
_PROGRAM = "lstmctl.interchange.keras_file"
_SECONDS = 120  # for a child that hangs; its limit is 60 of CPU time
_HINT = "models import reads files of models export, and .keras files of Embedding, LSTM and Dense layers"
_STORABLE = re.compile(rf"[^\t\n]{{1,{MAX_WORD_LENGTH}}}")  # a word that a vocab.txt can contain
_OTHER_VOCABULARY = "--vocab FILE takes the vocabulary that the model was trained with"
_MAX_VOCABULARY = 2**28  # bytes
MAX_STDIN = 2**30  # bytes of standard input, which is kept on disk
_STDIN_BLOCK = 2**20
_ZIP = b"PK\x03\x04"  # how a .keras file begins
_FORMATS = "a vocabulary is a JSON object of word: number, a list of words, or a text file with a word on each line"
INDEX_FROM, START, OUT_OF_VOCABULARY = 3, 1, 2  # of keras.datasets.imdb
_JSON = re.compile(r'\s*(?:\{\s*["}]|\[\s*["\[\]{0-9])')  # but not a line such as [UNK]
_SPECIAL = {
    "": "padding", "pad": "padding", "unk": "unknown", "oov": "unknown", "start": "start", "sos": "start",
    "unused": "unused",
}  # fmt: skip


class KerasWords(NamedTuple):
    """The words by id, the id of unknown words, and the id that begins every text, if any. Padding has id 0."""

    words: Mapping[int, str]
    unknown: int
    start: int | None = None


def read_words(path: Path) -> KerasWords:
    """The vocabulary in a file."""
    try:
        with open_regular(path) as file:
            data = file.read(_MAX_VOCABULARY + 1)
    except OSError as error:
        raise reading_error(error, path) from error
    if len(data) > _MAX_VOCABULARY:
        raise BadData(f"{path} is too large for a vocabulary", hint=_FORMATS)
    return parse_words(data, str(path))


def parse_words(data: bytes, path: str) -> KerasWords:
    """The vocabulary in the content of the file `path`.

    >>> parse_words(b"the\\nfilm\\n", "words.txt")
    KerasWords(words={4: 'the', 5: 'film'}, unknown=2, start=1)
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadData(f"{path}:{line} is not UTF-8", hint=_FORMATS) from error
    if _JSON.match(text):
        return _number_words(_parse_json(text, path), path)
    if text.partition("\n")[0].count("\t") == 1:
        try:
            vocabulary = Vocabulary.from_text(text)
        except ValueError as error:
            raise BadData(f"{path} has words and counts, but {error}", hint=_FORMATS) from error
        return KerasWords(dict(enumerate(vocabulary.words, start=FIRST_WORD)), UNKNOWN)
    lines = text.removesuffix("\n").split("\n")
    return _number_words(_enumerate_words([line.removesuffix("\r") for line in lines]), path)


def _parse_json(text: str, path: str) -> list[tuple[str, int]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadData(f"{path} begins like JSON but is not valid: {error}", hint=_FORMATS) from error
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return _enumerate_words(value)
    if isinstance(value, dict) and all(type(number) is int for number in value.values()):
        return list(value.items())
    raise BadData(f"{path} is not a vocabulary", hint=_FORMATS)


def _enumerate_words(words: Sequence[str]) -> list[tuple[str, int]]:
    start = 1 if all(_special_kind(word) is None for word in words) else 0
    return list(zip(words, range(start, start + len(words)), strict=True))


def _number_words(pairs: list[tuple[str, int]], path: str) -> KerasWords:
    kinds = [_special_kind(word) for word, _ in pairs]
    special = {kind: number for kind, (_, number) in zip(kinds, pairs, strict=True) if kind is not None}
    words = {number: word for kind, (word, number) in zip(kinds, pairs, strict=True) if kind is None}
    if len(words) != kinds.count(None):
        raise BadData(f"{path} gives the same number to two words", hint=_FORMATS)
    if not special:
        shifted = {number + INDEX_FROM: word for number, word in words.items()}
        result = KerasWords(shifted, OUT_OF_VOCABULARY, START)
    elif "unknown" not in special:
        raise BadData(f"{path} has special words but none for unknown words, such as [UNK]", hint=_FORMATS)
    else:
        result = KerasWords(words, special["unknown"], special.get("start"))
    lowest = min([*words, *special.values()], default=0)
    if special.get("padding", PADDING) != PADDING or lowest < 0 or min(result.words, default=1) <= PADDING:
        raise BadData(f"{path} gives a word the number 0 or less; 0 is padding in Keras", hint=_FORMATS)
    return result


def _special_kind(word: str) -> str | None:
    """The meaning of a special word; None for an ordinary one."""
    inner = word[1:-1] if word[:1] + word[-1:] in ("<>", "[]") else word
    return _SPECIAL.get(inner.lower()) if inner != word or not word else None


class KerasModel(NamedTuple):
    """The content of a .keras file; `config` has the file's rows as vocabulary, and numbers as labels."""

    config: ModelConfig
    length: int | None  # words that every text must have, padding included; None: any number
    weights: dict[str, Floats]
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
        with _start_child(file) as output:
            try:
                result = strictjson.parse_object(output.readline(MAX_RESULT_LINE))
                if "error" in result:
                    raise ValueError(result["error"])
                config, length = ModelConfig.from_dict(result["config"]), result["length"]
                if length not in (None, config.max_len):
                    raise ValueError("has two different lengths")
                shapes = config.shapes()
                weights = tensors.unpack(output.read(tensors.limit(shapes) + 1), shapes)
            except (ValueError, KeyError, RecursionError) as error:
                raise Rejected(f"{path} cannot be used: it {error}", hint=_HINT) from error
        file.seek(0)
        sha256 = file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    return KerasModel(config, length, weights, sha256)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """A regular file; stdin is copied to a temporary one."""
    with os_errors(f"read {path}"):
        if str(path) == "-":
            with tempfile.TemporaryFile() as file:
                _copy_stdin(sys.stdin.buffer, file)
                file.seek(0)
                yield file
            return
        try:
            with open_regular(path) as opened:
                if os.fstat(opened.fileno()).st_size > MAX_FILE:
                    raise Rejected(f"{path} cannot be used: it has over {MAX_FILE:,} bytes", hint=_HINT)
                yield opened
        except FileNotFoundError as error:
            raise NotFound(f"there is no file {path}", hint="model.save('FILE.keras') makes one") from error


def _copy_stdin(stream: BinaryIO, file: BinaryIO) -> None:
    """Copy what can be a .keras file; neither other data nor endless data fill the disk."""
    size = 0
    while block := stream.read(_STDIN_BLOCK):
        if not size and not block.startswith(_ZIP):
            raise Rejected("standard input cannot be used: it is not a .keras file", hint=_HINT)
        size += len(block)
        if size > MAX_STDIN:
            message = f"standard input cannot be used: it has over {MAX_STDIN:,} bytes"
            raise Rejected(message, hint="write it to a file, and name that")
        file.write(block)


@contextmanager
def _start_child(file: BinaryIO) -> Iterator[IO[bytes]]:
    """The output of the child process that reads the file."""
    command, env = python_child("-m", _PROGRAM)
    # HDF5 loads plugins from a path in the environment; "::" forbids that. BLAS needs no threads.
    env |= {"HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=file, stdout=pipe, stderr=subprocess.DEVNULL, env=env) as child:
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
) -> tuple[ModelConfig, Vocabulary, dict[str, Floats]]:
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
    ids = [number for number in sorted(words.words) if number < rows and _STORABLE.fullmatch(words.words[number])]
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
