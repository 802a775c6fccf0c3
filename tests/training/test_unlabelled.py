"""`train --unlabelled` and `--recipe accurate`: words that occur in no labelled text, up to their predictions."""

import json
import lzma
import random
import re
import signal
import time

import pytest
from training import runs

pytestmark = pytest.mark.training

# Without n-grams: they would leave the LSTM nothing to learn here.
QUICK = ["--ngrams", "none", "--embedding-dim", 16, "--units", 8, "--batch-size", 8, "--lr", 0.01]
GOOD = ["good", "great", "lovely", "superb", "splendid", "delightful"]
BAD = ["bad", "awful", "boring", "dreadful", "tedious", "dismal"]


def text(generator, words):
    """A positive or negative text: words of one kind, among words common to all texts."""
    parts = [generator.choice(words) if generator.random() < 0.5 else f"w{generator.randrange(9)}" for _ in range(8)]
    return " ".join(parts)


@pytest.fixture
def files(tmp_path):
    """Labelled texts have two words of each kind; the unlabelled ones all six."""
    generator = random.Random(0)
    labelled, unlabelled = tmp_path / "few.csv", tmp_path / "many.jsonl.xz"
    rows = [(text(generator, words[:2]), label) for _ in range(60) for words, label in ((GOOD, "yes"), (BAD, "no"))]
    labelled.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    lines = [json.dumps({"text": text(generator, words)}) + "\n" for _ in range(600) for words in (GOOD, BAD)]
    unlabelled.write_bytes(lzma.compress("".join(lines).encode()))
    return labelled, unlabelled


def test_words_without_labelled_texts(cli, files):
    labelled, unlabelled = files
    words = [*GOOD[2:], *BAD[2:]]
    correct, baselines = {}, {}
    for name, more in (("alone", []), ("more", ["--unlabelled", unlabelled])):
        result = cli("train", "--data", labelled, *QUICK, "--epochs", 12, "--name", name, *more)
        assert result.code == 0, result.err
        baselines[name] = re.search(r"baseline .*", result.err).group()
        predictions = [json.loads(line) for line in cli("predict", "--json", "-m", name, *words).lines]
        labels = [prediction["label"] for prediction in predictions]
        correct[name] = sum(
            label == ("yes" if word in GOOD else "no") for label, word in zip(labels, words, strict=True)
        )
        unknown = [prediction["unknown"] for prediction in predictions]
        assert all(unknown) if name == "alone" else not any(unknown)
    assert "1,200 unlabelled" in result.err
    assert correct["more"] == len(words)
    assert baselines["alone"] == baselines["more"]  # they learn from the labelled texts alone
    assert cli("evaluate", "more").code == 0
    unlabelled.unlink()
    assert cli("evaluate", "more").code == 0  # does not need the file


@pytest.mark.long
def test_resumed_run_has_the_same_weights(cli, files, tmp_path):
    """Killed and resumed, it ends with the bytes of an uninterrupted run."""
    labelled, unlabelled = files
    recipe = tmp_path / "small.toml"
    recipe.write_text('bidirectional = true\npooling = "last+max"\nvectors = "own"\nword_dropout = 0.4\n')
    command = [
        "train",
        "-q",
        "--data",
        labelled,
        "--unlabelled",
        unlabelled,
        "--recipe",
        recipe,
        *QUICK,
        "--epochs",
        3,
        "--threads",
        1,
    ]
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert runs.finish(straight, *command, program=runs.PLAIN) == (0, "few@1\n", "")
    process = runs.start(broken, *command)
    while process.poll() is None and len(list(broken.glob("checkpoints/*/step-*"))) < 2:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert runs.finish(broken, "train", "-q", "--resume", program=runs.PLAIN) == (0, "few@1\n", "")
    assert runs.weights_sha256(straight) == runs.weights_sha256(broken)


def test_missing_file(cli, files, tmp_path):
    result = cli("train", "--data", files[0], "--unlabelled", tmp_path / "mani.jsonl.xz")
    assert result.code == 66
    assert "there is no file" in result.err and "many.jsonl.xz" in result.err


def test_dry_run_names_the_option(cli, files):
    plan = cli("train", "--data", files[0], "--unlabelled", files[1], "--dry-run").out
    assert re.search(r'^vectors = "own" +# --unlabelled · ', plan, re.M)
