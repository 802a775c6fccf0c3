"""Model folders that are damaged or hostile."""

import errno
import json
import os
import random
import socket
import warnings

import numpy as np
import pytest
import safetensors.numpy
from faults import recorded
from mutants import mutant_of
from toy import CONFIG, NGRAM_CONFIG, ngram_weights, toy_files, toy_weights

from lstmctl.errors import LstmctlError, NotFound, PermissionDenied, Rejected
from lstmctl.registry import artifact
from lstmctl.registry.artifact import FILES, ModelFolder, shapes_of
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


# N-grams: tensors of other types, and keys that must be sorted.


def test_model_with_ngrams(ngram_path):
    folder = ModelFolder(ngram_path, "tiny@1")
    folder.verify()
    for name, tensor in ngram_weights().items():
        assert folder.weights()[name].tobytes() == tensor.tobytes()
        assert folder.weights()[name].dtype == tensor.dtype
    one, other = (answer.probabilities[1] for answer in folder.classifier().predict(["good film", "bad film"]))
    assert one - other > 0.5


@pytest.fixture
def ngram_path(tmp_path):
    """The folder of a model with n-grams."""
    path = tmp_path / "model"
    path.mkdir()
    for name, data in toy_files(config=NGRAM_CONFIG).items():
        (path / name).write_bytes(data)
    return path


def changed(name, change):
    """The tensors with one of them changed."""
    tensors = {name: tensor.copy() for name, tensor in ngram_weights().items()}
    tensors[name] = change(tensors[name])
    return tensors


def with_value(index, value):
    def change(tensor):
        tensor.flat[index] = value
        return tensor

    return change


KEYS, WEIGHTS, SCALE, BIAS = "ngrams.keys", "ngrams.weights", "ngrams.scale", "ngrams.bias"
BAD_NGRAMS = {
    "keys as floats": changed(KEYS, lambda keys: keys.astype(np.float64)),
    "signed keys": changed(KEYS, lambda keys: keys.astype(np.int64)),
    "32-bit keys": changed(KEYS, lambda keys: keys.astype(np.uint32)),
    "keys in a table": changed(KEYS, lambda keys: keys[:, None]),
    "a key fewer": changed(KEYS, lambda keys: keys[:-1]),
    "a key more": changed(KEYS, lambda keys: np.append(keys, keys[-1:] + 1)),
    "unsorted keys": changed(KEYS, lambda keys: keys[::-1].copy()),
    "a key twice": changed(KEYS, with_value(1, 2)),
    "key 0": changed(KEYS, with_value(0, 0)),
    "key of the unknown word": changed(KEYS, with_value(0, 1)),
    "key of no word": changed(KEYS, with_value(-1, (2 << 21) + 5)),
    "key of a triple": changed(KEYS, with_value(-1, (2 << 42) + (2 << 21) + 2)),
    "key with a hole": changed(KEYS, with_value(-1, 2 << 42)),
    "largest key": changed(KEYS, with_value(-1, 2**64 - 1)),
    "float32 weights": changed(WEIGHTS, lambda weights: weights.astype(np.float32)),
    "weights as keys": changed(WEIGHTS, lambda weights: weights.astype(np.uint64)),
    "weights in a row": changed(WEIGHTS, lambda weights: weights.ravel()),
    "weights of two labels": changed(WEIGHTS, lambda weights: np.repeat(weights, 2, axis=1)),
    "weight that is no number": changed(WEIGHTS, with_value(0, np.nan)),
    "infinite weight": changed(WEIGHTS, with_value(-1, -np.inf)),
    "float16 scale": changed(SCALE, lambda scale: scale.astype(np.float16)),
    "scale without axis": changed(SCALE, lambda scale: scale.reshape(())),
    "scale that is no number": changed(SCALE, with_value(0, np.nan)),
    "infinite scale": changed(SCALE, with_value(0, np.inf)),
    "scale too large": changed(SCALE, with_value(0, 2 * MAX_VALUE)),
    "float64 bias": changed(BIAS, lambda bias: bias.astype(np.float64)),
    "bias of two labels": changed(BIAS, lambda bias: np.repeat(bias, 2)),
    "bias that is no number": changed(BIAS, with_value(0, np.nan)),
    "no keys": {name: tensor for name, tensor in ngram_weights().items() if name != KEYS},
    "no n-grams": toy_weights(NGRAM_CONFIG),
    "another tensor": ngram_weights() | {"ngrams.more": np.zeros(1, np.float32)},
}


@pytest.mark.parametrize("tensors", BAD_NGRAMS.values(), ids=BAD_NGRAMS)
def test_hostile_ngrams(tensors, ngram_path, cli):
    arrays = {name: np.array(tensor, order="C") for name, tensor in tensors.items()}
    _replace(ngram_path, "weights.safetensors", safetensors.numpy.save(arrays))
    with pytest.raises(Rejected, match=r"^tiny@1 cannot be used: weights\.safetensors has "):
        ModelFolder(ngram_path, "tiny@1").verify()
    result = cli("predict", "-m", ngram_path, "good film")
    assert (result.code, result.out) == (76, "")


def test_ngrams_of_a_model_without(model_path):
    weights = toy_weights() | {name: ngram_weights()[name] for name in NGRAM_CONFIG.ngram_shapes()}
    _replace(model_path, "weights.safetensors", safetensors.numpy.save(weights))
    with pytest.raises(Rejected, match="other tensors than its model"):
        ModelFolder(model_path, "tiny@1").weights()


@pytest.mark.parametrize(
    "change",
    [
        {"ngrams": "none"},
        {"ngrams": "4"},
        {"ngrams": 2},
        {"ngrams": "1"},
        {"ngram_count": 0},
        {"ngram_count": 5},
        {"ngram_count": 10**9},
        {"ngram_count": "4"},
        {"padding": "pre"},
        {"labels": ["a", "b", "c"]},
    ],
    ids=str,
)
def test_hostile_cards_with_ngrams(change, ngram_path):
    card = json.loads((ngram_path / "model.json").read_bytes())
    _replace(ngram_path, "model.json", json.dumps(card | {"config": card["config"] | change}).encode())
    with pytest.raises(Rejected):
        ModelFolder(ngram_path, "tiny@1").verify()


@pytest.mark.parametrize("value", [65504.0, -65504.0, 6e-8, 0.0])
@pytest.mark.parametrize("scale", [MAX_VALUE, -MAX_VALUE, 1e-45])
def test_extreme_ngrams_give_probabilities(value, scale, ngram_path):
    weights = ngram_weights()
    weights |= {
        WEIGHTS: np.full(weights[WEIGHTS].shape, value, np.float16),
        SCALE: np.array([scale], np.float32),
        BIAS: np.array([-scale], np.float32),
    }
    _replace(ngram_path, "weights.safetensors", pack_tensors(weights, shapes_of(NGRAM_CONFIG)))
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        for answer in ModelFolder(ngram_path, "tiny@1").classifier().predict(["good bad film", "", "unheard of " * 30]):
            assert abs(sum(answer.probabilities) - 1) < 1e-6


@pytest.mark.parametrize("mutants", [200, pytest.param(34_000, marks=pytest.mark.slow)])
def test_mutants_of_ngrams_are_models_or_rejected(mutants, ngram_path):
    """With the right checksums: reading gives a model that predicts, or a Rejected error."""
    dice, refused = random.Random(0), 0
    original = (ngram_path / "weights.safetensors").read_bytes()
    start = len(original) - sum(tensor.nbytes for tensor in ngram_weights().values())
    for number in range(mutants):
        mutant = bytearray(original)
        place = dice.randrange(8, start) if number % 4 == 0 else dice.randrange(start, len(mutant))
        mutant[place] ^= 1 << dice.randrange(8)
        _replace(ngram_path, "weights.safetensors", bytes(mutant))
        try:
            folder = ModelFolder(ngram_path, "tiny@1")
            folder.verify()
        except LstmctlError as error:
            assert isinstance(error, Rejected)
            refused += 1
        else:
            answer = folder.classifier().predict(["good film"])[0]
            assert abs(sum(answer.probabilities) - 1) < 1e-6
    assert refused > mutants / 5


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
