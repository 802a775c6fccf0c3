"""Model folders that are damaged or hostile."""

import errno
import os
import random
import socket
import warnings

import numpy as np
import pytest
from faults import recorded
from mutants import mutant_of
from toy import CONFIG, toy_weights

from lstmctl.errors import LstmctlError, NotFound, PermissionDenied, Rejected
from lstmctl.registry import artifact
from lstmctl.registry.artifact import FILES, ModelFolder
from lstmctl.registry.tensors import MAX_VALUE
from lstmctl.registry.tensors import pack as pack_tensors

SLOTS = sorted(FILES)


def test_every_changed_byte_of_card(model_path):
    file = model_path / "model.json"
    original = file.read_bytes()
    for place in range(len(original)):
        changed = bytearray(original)
        changed[place] ^= 1 << (place % 8)
        file.write_bytes(changed)
        with pytest.raises(Rejected):
            ModelFolder(model_path, "tiny@1")


@pytest.mark.parametrize("name", [name for name in SLOTS if name != "model.json"])
def test_changed_bits_in_every_file(name, model_path):
    file = model_path / name
    original, dice = file.read_bytes(), random.Random(0)
    for _ in range(150):
        changed = bytearray(original)
        changed[dice.randrange(len(original))] ^= 1 << dice.randrange(8)
        file.write_bytes(changed)
        with pytest.raises(Rejected):
            ModelFolder(model_path, "tiny@1").verify()


@pytest.mark.parametrize("name", SLOTS)
def test_truncated_or_extended_files(name, model_path):
    original = (model_path / name).read_bytes()
    for data in (b"", original[:-1], original[: len(original) // 2], original + b"\n", original * 2):
        (model_path / name).write_bytes(data)
        with pytest.raises(Rejected):
            ModelFolder(model_path, "tiny@1").verify()


def _pipe(path):
    os.mkfifo(path)


def _socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)


def _sparse(path):
    with path.open("wb") as file:
        file.truncate(2**40)


SPECIAL = {
    "pipe": _pipe,
    "socket": _socket,
    "folder": lambda path: path.mkdir(),
    "link out": lambda path: path.symlink_to("/etc/passwd"),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to the file itself": lambda path: path.symlink_to(f"saved-{path.name}"),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "loop": lambda path: path.symlink_to(path.name),
    "1 TiB of nothing": _sparse,
    "missing": lambda path: None,
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("name", SLOTS)
def test_special_files(name, kind, model_path, monkeypatch):
    monkeypatch.chdir(model_path)  # the path of a socket must be short
    (model_path / name).rename(model_path / f"saved-{name}")
    SPECIAL[kind](model_path / name)
    with pytest.raises(Rejected, match=name):
        ModelFolder(model_path, "tiny@1").verify()


def test_file_without_permission(model_path):
    def before(number, call):
        if call.paths[0].name == "vocab.txt":
            raise PermissionError(errno.EACCES, "Permission denied")

    with recorded(before), pytest.raises(PermissionDenied, match="vocab.txt: permission denied"):
        ModelFolder(model_path, "tiny@1").vocabulary()


def test_model_pruned_during_read(model_path):
    def before(number, call):
        if call.paths[0].name == "vocab.txt" and model_path.exists():
            model_path.rename(model_path.with_name("gone"))
            (model_path.with_name("gone") / "vocab.txt").unlink()

    folder = ModelFolder(model_path, "tiny@1")
    with recorded(before), pytest.raises(NotFound):
        folder.vocabulary()


def test_linked_model_folder(model_path, tmp_path):
    (tmp_path / "link").symlink_to(model_path)
    with pytest.raises(Rejected, match="not a folder"):
        ModelFolder(tmp_path, "tiny@1", inside=("link",))
    ModelFolder(tmp_path / "link", "./link").verify()  # the user named the link


@pytest.mark.parametrize("value", [MAX_VALUE, -MAX_VALUE, 1e-45, -1e-40, 0.0])
def test_extreme_weights_give_probabilities(value, model_path):
    for name in CONFIG.shapes():
        weights = toy_weights() | {name: np.full(CONFIG.shapes()[name], value, np.float32)}
        _replace(model_path, "weights.safetensors", pack_tensors(weights, CONFIG.shapes()))
        with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
            warnings.simplefilter("error")
            classifier = ModelFolder(model_path, "tiny@1").classifier()
            for answer in classifier.predict(["good bad film", "", "unheard of " * 30]):
                assert abs(sum(answer.probabilities) - 1) < 1e-6


def _replace(path, name, data):
    (path / name).write_bytes(data)
    files = {each: (path / each).read_bytes() for each in FILES if each != "SHA256SUMS"}
    (path / "SHA256SUMS").write_bytes(artifact.format_sums(files))


# Mutants: most have the right checksums, so that the parsers read them.


@pytest.mark.parametrize("mutants", [500, pytest.param(34_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SLOTS)
def test_mutants_are_models_or_rejected(name, mutants, model_path, model_files):
    """Reading gives a model that predicts, or a Rejected error."""
    dice, refused = random.Random(name), 0
    original = model_files[name]
    for _ in range(mutants):
        mutant = mutant_of(name, original, dice)
        if name == "SHA256SUMS":
            (model_path / name).write_bytes(mutant)
        else:
            _replace(model_path, name, mutant)
        try:
            folder = ModelFolder(model_path, "tiny@1")
            folder.verify()
        except LstmctlError as error:
            assert isinstance(error, Rejected)
            assert error.message.isprintable()
            refused += 1
        else:
            answer = folder.classifier().predict(["good film"])[0]
            assert abs(sum(answer.probabilities) - 1) < 1e-6
    assert refused > mutants / 5
