"""Model folders: what was packed can be read, and nothing else."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy import CONFIG, WORDS, toy_files, toy_history, toy_weights

from lstmctl.config import DataConfig, ModelConfig, TrainConfig
from lstmctl.data.digests import RowDigests
from lstmctl.errors import NotFound, Rejected
from lstmctl.evaluation.report import measure
from lstmctl.model.text import MAX_WORD_LENGTH, Vocabulary
from lstmctl.registry import artifact, card
from lstmctl.registry.artifact import FILES, ModelFolder, pack
from lstmctl.registry.card import ModelCard, NewerFormat


def card_of(files: dict[str, bytes]) -> ModelCard:
    return ModelCard.from_json(files["model.json"])


def packed(card: ModelCard, **changes: object) -> dict[str, bytes]:
    given = {"vocabulary": WORDS, "weights": toy_weights(), "metrics": {}, "history": toy_history()}
    return pack(card, **given | changes)


def replaced(path: Path, name: str, data: bytes) -> None:
    """Change a file and adapt SHA256SUMS, as an attacker would."""
    (path / name).write_bytes(data)
    files = {each: (path / each).read_bytes() for each in FILES if each != "SHA256SUMS"}
    (path / "SHA256SUMS").write_bytes(artifact.format_sums(files))


def edited(path: Path, name: str, change) -> None:
    values = json.loads((path / name).read_bytes())
    change(values)
    replaced(path, name, json.dumps(values).encode())


def test_round_trip(model_path, model_files):
    folder = ModelFolder(model_path, "tiny@1")
    assert folder.reference == "tiny@1"
    assert folder.card == card_of(model_files)
    assert folder.vocabulary().words == WORDS.words
    assert folder.vocabulary().counts == WORDS.counts
    assert folder.history() == toy_history()
    assert folder.metrics()["test"]["n"] == 10
    assert folder.size == sum(map(len, model_files.values()))
    for name, tensor in toy_weights().items():
        assert folder.weights()[name].tobytes() == tensor.tobytes()
    folder.verify()
    assert folder.classifier().predict(["good film"])[0].label == "pos"


def test_longest_words(tmp_path):
    """Words of the maximum length in characters of four bytes, with the largest counts."""
    words = [chr(0x10400 + number) * MAX_WORD_LENGTH for number in range(40)]
    config = replace(CONFIG, vocab_size=len(words) + 2)
    vocabulary = Vocabulary(words, [10**15 - 1] * len(words))
    files = packed(replace(card_of(toy_files()), config=config), vocabulary=vocabulary, weights=toy_weights(config))
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert ModelFolder(tmp_path, "it").vocabulary().words == vocabulary.words


def test_packing_is_deterministic(model_files):
    assert toy_files() == model_files
    assert list(toy_files())[-1] == "SHA256SUMS"
    assert set(model_files) == set(FILES)


def test_sha256sum_agrees(model_path):
    done = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=model_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK\n") == 5


def test_card_round_trip():
    card = ModelCard(
        config=ModelConfig(labels=("ä", "b", "c"), vocab_size=5, units=3, embedding_dim=2, temperature=1.5),
        data=DataConfig(source="/x/ü.csv", limit=5, rename_label=(("0", "ä"), ("1", "b")), val_source="/x/v.csv"),
        data_sha256="0a" * 32,
        rows={"train": 3, "validation": 0, "test": 2},
        training=TrainConfig(epochs=7, clip_norm=1.0, learning_rate=1e-4),
        epoch=7,
        created="2026-11-23T14:02:33.5+00:00",
        seconds=0.25,
        command=("lstmctl", "train", "--data", "a b.csv", "\n"),
        versions={"python": "3.13.1", "keras": "3.15.1"},
    )
    assert ModelCard.from_json(card.to_json()) == card


def test_arguments_not_unicode(model_files):
    card = replace(card_of(model_files), command=("lstmctl", "train", "--data", "caf\udce9.csv"))
    assert card_of(packed(card)).command[-1] == "caf\\udce9.csv"


def test_metrics_of_evaluation_fit(model_files):
    card = card_of(model_files)
    truth = np.array([0, 0, 1])
    answers = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    for chosen in (truth, np.array([0, 0, 0])):
        metrics = {"test": measure(answers, chosen, labels=CONFIG.labels).to_dict(), "more": [1, {"a": None}]}
        assert json.loads(packed(card, metrics=metrics)["metrics.json"]) == metrics


def test_many_labels_fit():
    """The confusion matrix is the largest part of metrics.json."""
    labels = tuple(f"label {number:03}" for number in range(300))
    config = replace(CONFIG, labels=labels)
    truth = np.arange(300).repeat(2)
    metrics = {"test": measure(np.eye(300).repeat(2, axis=0), truth, labels=labels).to_dict()}
    card = replace(card_of(toy_files()), config=config)
    files = pack(card, vocabulary=WORDS, weights=toy_weights(config), metrics=metrics, history=())
    assert json.loads(files["metrics.json"]) == metrics


BAD_PACKS = {
    "a tensor is missing": {"weights": {name: value for name, value in toy_weights().items() if name != "head.bias"}},
    "a tensor too many": {"weights": toy_weights() | {"extra": np.zeros(1, np.float32)}},
    "another shape": {"weights": toy_weights() | {"head.bias": np.zeros(2, np.float32)}},
    "float64": {"weights": toy_weights() | {"head.bias": np.zeros(1)}},
    "NaN": {"weights": toy_weights() | {"head.bias": np.full(1, np.nan, np.float32)}},
    "infinity": {"weights": toy_weights() | {"head.bias": np.full(1, -np.inf, np.float32)}},
    "a word too few": {"vocabulary": Vocabulary(["good", "bad"], [2, 1])},
    "a word twice": {"vocabulary": Vocabulary(["good", "bad", "bad"], [3, 2, 1])},
    "a metric that is no number": {"metrics": {"test": float("nan")}},
    "metrics of another shape": {"metrics": {"test": {"accuracy": 1}}},
    "an epoch that diverged": {"history": [replace(toy_history(1)[0], loss=float("nan"))]},
}


@pytest.mark.parametrize("changes", BAD_PACKS.values(), ids=BAD_PACKS)
def test_unreadable_model_is_not_packed(changes, model_files):
    with pytest.raises(Rejected, match="the model cannot be used: "):
        packed(card_of(model_files), **changes)


def test_unreadable_card_is_not_packed(model_files):
    with pytest.raises(Rejected, match=r"model.json has an error: created must be a time"):
        packed(replace(card_of(model_files), created="yesterday"))


BAD_CARDS = {
    "no model": (lambda card: card.update(schema="other/1"), "does not describe a model"),
    "no format": (lambda card: card.pop("format"), "does not describe a model"),
    "true is no format": (lambda card: card.update(format=True), "does not describe a model"),
    "format 0": (lambda card: card.update(format=0), "does not describe a model"),
    "an unknown field": (lambda card: card.update(module="os"), "unknown field 'module'"),
    "a missing field": (lambda card: card.pop("seconds"), "field 'seconds' is missing"),
    "an unknown setting": (lambda card: card["config"].update(layer="Lambda"), "field 'config': unknown field 'layer'"),
    "a missing setting": (lambda card: card["config"].pop("labels"), "field 'config': field 'labels' is missing"),
    "units as text": (lambda card: card["config"].update(units="32"), "'units'"),
    "units as truth": (lambda card: card["config"].update(units=True), "'units'"),
    "too many units": (lambda card: card["config"].update(units=10**9), "at most 4,096"),
    "too large in all": (lambda card: card["config"].update(vocab_size=2_000_000, embedding_dim=4096), "2 GB"),
    "one label": (lambda card: card["config"].update(labels=["a"]), "labels"),
    "a label twice": (lambda card: card["config"].update(labels=["a", "a"]), "labels"),
    "another tokenizer": (lambda card: card["config"].update(tokenizer="words-3"), "tokenizer"),
    "data is a list": (lambda card: card.update(data=[]), "field 'data': not an object"),
    "another part": (lambda card: card["rows"].update(secret=1), "rows must count texts"),
    "fewer than no rows": (lambda card: card["rows"].update(train=-1), "rows must count texts"),
    "an epoch of 10^12": (lambda card: card.update(epoch=10**12), "epoch must be at most 10,000"),
    "half an epoch": (lambda card: card.update(epoch=1.5), "'epoch' must be a whole number"),
    "no date": (lambda card: card.update(created="\x1b[31m2026"), "created must be a time"),
    "another time zone": (lambda card: card.update(created="2026-01-02T03:04:05+02:00"), "created must be a time"),
    "no hash": (lambda card: card.update(data_sha256="0" * 63), "data_sha256 must be 64"),
    "seconds as text": (lambda card: card.update(seconds="6"), "'seconds' must be a finite number"),
    "a command of numbers": (lambda card: card.update(command=[1]), "'command' must be a string"),
    "versions with escapes": (lambda card: card["versions"].update(python="\x1b]0;owned\x07"), "versions must be"),
    "versions of numbers": (lambda card: card["versions"].update(python=3), "'versions' must be a string"),
}


@pytest.mark.parametrize(("change", "reason"), BAD_CARDS.values(), ids=BAD_CARDS)
def test_invalid_cards(change, reason, model_path):
    edited(model_path, "model.json", change)
    with pytest.raises(Rejected, match=reason) as caught:
        ModelFolder(model_path, "tiny@1")
    assert caught.value.message.startswith("tiny@1 cannot be used: model.json ")
    assert caught.value.hint == "lstmctl models rm tiny@1 removes it"


LARGEST_FIELDS = {
    "arguments": lambda more: {"command": ("a",) * (10_000 + more)},
    "versions": lambda more: {"versions": {f"package {number}": "1" for number in range(100 + more)}},
    "letters of a version": lambda more: {"versions": {"python": "1" * (100 + more)}},
    "letters of a package": lambda more: {"versions": {"p" * (100 + more): "1"}},
    "epochs": lambda more: {"epoch": 10_000 + more},
    "seconds": lambda more: {"seconds": float(10**12 + more)},
    "rows": lambda more: {"rows": {"train": 10**12 + more}},
}


@pytest.mark.parametrize("change", LARGEST_FIELDS.values(), ids=LARGEST_FIELDS)
def test_bounds_of_card_fields(change, model_files):
    card = replace(card_of(model_files), **change(0))
    assert ModelCard.from_json(card.to_json()) == card
    with pytest.raises(ValueError, match=rf"has an error: {next(iter(change(1)))} must "):
        ModelCard.from_json(replace(card, **change(1)).to_json())


def test_size_limit_of_card(model_path, model_files):
    card = model_files["model.json"].rstrip(b"\n")
    replaced(model_path, "model.json", card + b" " * (2**20 - len(card)))
    ModelFolder(model_path, "tiny@1").verify()
    replaced(model_path, "model.json", card + b" " * (2**20 - len(card) + 1))
    with pytest.raises(Rejected, match="over the limit of 1,048,576"):
        ModelFolder(model_path, "tiny@1")


ACCURACY = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10}
SCORES = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "n": 5}
TEST = {
    "n": 10,
    "metrics": {"accuracy": ACCURACY},
    "labels": {"neg": SCORES, "pos": SCORES},
    "confusion": {"neg": {"neg": 5}, "pos": {"pos": 5}},
}
BASELINES = {"majority_label": "neg", "majority": {"test": 0.5}, "naive_bayes": {"test": 0.6}}
BAD_METRICS = {
    "a test that is a list": {"test": []},
    "no count": {"test": {name: value for name, value in TEST.items() if name != "n"}},
    "half a text": {"test": TEST | {"n": 10.5}},
    "fewer than no texts": {"test": TEST | {"n": -1}},
    "more texts than there are": {"test": TEST | {"n": 10**15 + 1}},
    "metrics that are a list": {"test": TEST | {"metrics": [ACCURACY]}},
    "no accuracy": {"test": TEST | {"metrics": {}}},
    "an accuracy that is a number": {"test": TEST | {"metrics": {"accuracy": 0.5}}},
    "an accuracy of 2": {"test": TEST | {"metrics": {"accuracy": ACCURACY | {"value": 2}}}},
    "an accuracy below 0": {"test": TEST | {"metrics": {"accuracy": ACCURACY | {"low": -0.1}}}},
    "an accuracy without interval": {"test": TEST | {"metrics": {"accuracy": ACCURACY | {"low": None}}}},
    "a metric that is a text": {"test": TEST | {"metrics": {"accuracy": ACCURACY, "auc": ACCURACY | {"value": "1"}}}},
    "an end that is a text": {"test": TEST | {"metrics": {"accuracy": ACCURACY, "auc": ACCURACY | {"low": "1"}}}},
    "a metric of half a text": {"test": TEST | {"metrics": {"accuracy": ACCURACY, "auc": ACCURACY | {"n": 0.5}}}},
    "a truth for a number": {"test": TEST | {"metrics": {"accuracy": ACCURACY | {"value": True}}}},
    "scores that are a number": {"test": TEST | {"labels": {"neg": 0.5, "pos": SCORES}}},
    "scores that lack one": {"test": TEST | {"labels": {"neg": {"precision": 1}, "pos": SCORES}}},
    "a score that is a text": {"test": TEST | {"labels": {"neg": SCORES | {"recall": "1"}, "pos": SCORES}}},
    "a label of half a text": {"test": TEST | {"labels": {"neg": SCORES | {"n": 0.5}, "pos": SCORES}}},
    "a label too few": {"test": TEST | {"labels": {"neg": SCORES}}},
    "a label too many": {"test": TEST | {"labels": TEST["labels"] | {"other": SCORES}}},
    "a confusion that is a list": {"test": TEST | {"confusion": []}},
    "a row of another label": {"test": TEST | {"confusion": {"other": {}}}},
    "an answer of another label": {"test": TEST | {"confusion": {"neg": {"other": 1}}}},
    "a count that is a text": {"test": TEST | {"confusion": {"neg": {"neg": "1"}}}},
    "baselines that are a list": {"baselines": []},
    "baselines that lack one": {"baselines": {"majority_label": "neg", "majority": {}}},
    "a majority of a number": {"baselines": BASELINES | {"majority_label": 1}},
    "a baseline that is a text": {"baselines": BASELINES | {"naive_bayes": {"test": "1"}}},
    "a majority that is a text": {"baselines": BASELINES | {"majority": {"test": "1"}}},
    "a baseline that is a number": {"baselines": BASELINES | {"majority": 0.5}},
}


def test_valid_metrics():
    values = {"test": TEST, "baselines": BASELINES, "more": 1}
    assert card.parse_metrics(json.dumps(values).encode(), CONFIG) == values
    without_interval = {"value": 0.5, "low": None, "high": None, "n": 10**15}
    values["test"] = TEST | {"metrics": {"accuracy": ACCURACY, "auc": without_interval}, "confusion": {"neg": {}}}
    assert card.parse_metrics(json.dumps(values).encode(), CONFIG) == values


@pytest.mark.parametrize("values", BAD_METRICS.values(), ids=BAD_METRICS)
def test_invalid_metrics(values):
    with pytest.raises(ValueError, match="has an invalid value in "):
        card.parse_metrics(json.dumps(values).encode(), CONFIG)


def test_newer_card_format(model_path):
    edited(model_path, "model.json", lambda card: card.update(format=2, schema="lstmctl.model/2", more=1))
    with pytest.raises(Rejected, match="has format 2; this lstmctl reads format 1") as caught:
        ModelFolder(model_path, "tiny@1")
    assert "--upgrade" in caught.value.hint
    with pytest.raises(NewerFormat):
        ModelCard.from_json((model_path / "model.json").read_bytes())


BAD_METRICS_FILES = {
    "no object": [],
    "a test that is a number": {"test": 1},
    "a test without accuracy": {"test": {"n": 1, "metrics": {}, "labels": {}, "confusion": {}}},
    "baselines that are a list": {"baselines": []},
    "baselines without numbers": {
        "baselines": {"majority_label": "pos", "majority": {"test": "high"}, "naive_bayes": {"test": 1}}
    },
}


@pytest.mark.parametrize("metrics", BAD_METRICS_FILES.values(), ids=BAD_METRICS_FILES)
def test_model_with_invalid_metrics(metrics, model_path):
    replaced(model_path, "metrics.json", json.dumps(metrics).encode())
    folder = ModelFolder(model_path, "tiny@1")
    with pytest.raises(Rejected, match=r"metrics.json "):
        folder.metrics()


@pytest.mark.parametrize("name", ["n", "metrics", "labels", "confusion"])
@pytest.mark.parametrize(
    "value", [None, -1, 1.5, "1", [], {"x": None}, {"pos": {"x": 1}}, {"accuracy": {"value": "1"}}]
)
def test_test_metrics_are_checked(name, value, model_path):
    edited(model_path, "metrics.json", lambda metrics: metrics["test"].update({name: value}))
    with pytest.raises(Rejected, match=r"metrics.json has an invalid value in "):
        ModelFolder(model_path, "tiny@1").metrics()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("vocab.txt", b"good\t3\nbad\t2\n"),
        ("vocab.txt", b"good\t3\nbad\t2\nfilm\t1\nmore\t1\n"),
        ("vocab.txt", b"good\t3\nbad\t2\nfilm\t1"),
        ("vocab.txt", b"good\t3\nbad\t2\ngood\t1\n"),
        ("vocab.txt", b"good\t3\nbad\t2\nfi\xfflm\t1\n"),
        ("vocab.txt", b"\0" * 100_000),
        ("history.jsonl", b"[" * 100_000 + b"\n"),
        ("history.jsonl", b'{"epoch": 1}\n'),
        ("history.jsonl", b"\xff\n"),
        ("metrics.json", b"[" * 100_000),
        ("metrics.json", b'{"a": ' + b"1" * 5_000 + b"}"),
        ("model.json", b" " * (2**20 + 1)),
        ("weights.safetensors", b"PK\x03\x04" + bytes(1000)),
        ("weights.safetensors", b"\x80\x04\x95cos\nsystem\n"),
    ],
)
def test_bad_content_with_right_checksum(name, data, model_path):
    replaced(model_path, name, data)
    with pytest.raises(Rejected, match=f"cannot be used: {name} "):
        ModelFolder(model_path, "tiny@1").verify()


def test_other_files_are_ignored(model_path):
    (model_path / "notes.txt").write_text("mine")
    (model_path / ".DS_Store").mkdir()
    with (model_path / "SHA256SUMS").open("a") as file:
        file.write("0" * 64 + "  later-addition.bin\n")
    before = ModelFolder(model_path, "tiny@1").size
    ModelFolder(model_path, "tiny@1").verify()
    (model_path / "notes.txt").write_text("more of mine")
    assert ModelFolder(model_path, "tiny@1").size == before


@pytest.mark.parametrize("name", FILES[1:])
def test_missing_file(name, model_path):
    folder = ModelFolder(model_path, "tiny@1")
    (model_path / name).unlink()
    with pytest.raises(Rejected, match=f"tiny@1 cannot be used: {name} is missing"):
        folder.files()


def test_invalid_sha256sums(model_path):
    sums = (model_path / "SHA256SUMS").read_bytes()
    for data in (b"", sums[:-1], sums + sums, sums.upper(), sums.replace(b"  ", b" *"), b"\xff" * 100, b"a" * 70_000):
        (model_path / "SHA256SUMS").write_bytes(data)
        with pytest.raises(Rejected, match=r"SHA256SUMS"):
            ModelFolder(model_path, "tiny@1")


def test_missing_model_folder(tmp_path):
    with pytest.raises(NotFound, match="no model folder"):
        ModelFolder(tmp_path / "missing", "./missing")
    (tmp_path / "file").write_text("")
    with pytest.raises(Rejected, match="not a folder"):
        ModelFolder(tmp_path / "file", "./file")
    with pytest.raises(Rejected, match="SHA256SUMS is missing") as caught:
        ModelFolder(tmp_path, "./here")
    assert "sha256sum -c" in caught.value.hint


def test_imports_of_reading(model_path):
    program = """
import sys
from lstmctl.registry.artifact import ModelFolder
folder = ModelFolder(__import__("pathlib").Path(sys.argv[1]), "tiny@1")
folder.metrics(), folder.history(), folder.vocabulary(), folder.size
assert not {"numpy", "regex", "secrets", "tempfile", "shutil"} & set(sys.modules), sorted(sys.modules)
folder.weights()
assert "safetensors" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program, model_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- digests ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def with_digests(tmp_path):
    """The path of a model folder with digests."""
    path = tmp_path / "with-digests"
    path.mkdir()
    texts = {"train": map(str, range(80)), "validation": map(str, range(80, 100)), "test": map(str, range(100, 110))}
    for name, data in toy_files(digests=RowDigests.of(texts)).items():
        (path / name).write_bytes(data)
    return path


def test_digests_are_a_file_of_the_model(with_digests, model_path):
    folder = ModelFolder(with_digests, "tiny@1")
    folder.verify()
    assert folder.digests().find(["105", "x"])["test"].tolist() == [True, False]
    assert "digests.bin" in folder.files() and folder.size == sum(map(len, folder.files().values()))
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=with_digests, capture_output=True, check=False)
    assert done.returncode == 0 and done.stdout.count(b": OK\n") == 6
    old = ModelFolder(model_path, "tiny@1")
    assert old.digests() is None and "digests.bin" not in old.files()


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-8], lambda data: data + bytes(8), lambda data: bytes(len(data)), lambda data: b"", None],
)
def test_damaged_digests(with_digests, damage):
    file = with_digests / "digests.bin"
    changed = None if damage is None else damage(file.read_bytes())
    if changed is None:
        file.unlink()
    else:
        file.write_bytes(changed)
        names = [name for name in (*FILES, "digests.bin") if name != "SHA256SUMS"]
        sums = artifact.format_sums({name: (with_digests / name).read_bytes() for name in names})
        (with_digests / "SHA256SUMS").write_bytes(sums)
    folder = ModelFolder(with_digests, "tiny@1")
    for read in (folder.digests, folder.verify, folder.files):
        with pytest.raises(Rejected, match="digests.bin"):
            read()
    folder.classifier()  # predictions do not need them
