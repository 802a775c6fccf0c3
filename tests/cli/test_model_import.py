"""`lstmctl models import` of .keras files, without TensorFlow: options, errors, and use of the model."""

import importlib.util
import io
import json
import os
import subprocess
import sys

import keras_files as good
import pytest

from lstmctl.data import named
from lstmctl.errors import Rejected
from lstmctl.interchange import from_keras


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "post.keras").write_bytes(good.keras_file())
    (tmp_path / "index.json").write_text(json.dumps({f"w{number}": number for number in range(1, 50)}))
    return tmp_path


def test_imported_model_works_everywhere(cli, files):
    result = cli("models", "import", "post.keras", "--vocab", "index.json")
    assert (result.code, result.out) == (0, "post@1\n")
    assert "labels: 0 = neg, 1 = pos" in result.err
    assert "16 words, 108 parameters" in result.err  # 20 rows without padding, start, unknown and the unused one
    answer = json.loads(cli("predict", "--json", "w1 w2 w40 w3 w4 w5 w6 w7 w8 w9").out)
    assert (answer["words"], answer["known"], answer["unknown"], answer["cut"]) == (10, 7, ["w40"], 2)
    assert json.loads(cli("predict", "--json", "w40 w1").out)["unknown"] == ["w40"]
    summary = json.loads(cli("summary", "--json").out)
    assert (summary["data"], summary["training"], summary["rows"]) == (None, None, {})
    assert "imported" in cli("summary", terminal=True).out
    assert (
        cli("summary", "--command").out
        == "lstmctl models import post.keras --vocab index.json --label neg --label pos\n"
    )
    assert "imported" in cli("models", "list", terminal=True).out
    assert json.loads(cli("models", "list", "--json").out)["data"] is None
    assert cli("models", "verify").out == "post@1\tok\n"
    refused = cli("evaluate")
    assert refused.code == 66 and "--data FILE" in refused.err
    (files / "other.csv").write_text("text,label\nw1,pos\nw2,neg\n")
    assert cli("evaluate", "--data", "other.csv").code == 0
    assert cli("plot").code == 65  # there is no history to draw
    assert cli("models", "export", "post", "-o", "post.lstmctl").code == 0
    assert cli("models", "import", "post.lstmctl", "--name", "again").out == "again@1\n"
    first, second = (cli("predict", "-m", name, "w1 w2").out for name in ("post", "again"))
    assert first == second


def test_from_standard_input(cli, files):
    def imported(content, *options):
        command = [sys.executable, "-m", "lstmctl", "models", "import", "-", *options]
        done = subprocess.run(command, input=content, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr

    imported(good.keras_file(), "--vocab", "index.json", "--name", "post")
    assert cli("models", "export", "post", "-o", "post.lstmctl").code == 0
    imported((files / "post.lstmctl").read_bytes())
    assert cli("predict", "-m", "imported", "w1").out == cli("predict", "-m", "post", "w1").out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["post.keras"], 2, "needs its vocabulary"),
        (["none.keras", "--vocab", "index.json"], 66, "there is no file none.keras"),
        (["post.keras", "--vocab", "none.json"], 66, "none.json"),
        (["post.keras", "--vocab", "bad.json"], 65, "bad.json"),
        (["post.keras", "--vocab", "large.json"], 65, "no word that the model knows"),
        (["post.keras", "--vocab", "empty.json"], 65, "no word that the model knows"),
        (["post.keras", "--vocab", "index.json", "--label", "a"], 2, "1 --label options, but the model has 2 labels"),
        (["post.keras", "--vocab", "index.json", "--label", "a", "--label", "a"], 2, "must all be different"),
        (["post.keras", "--vocab", "index.json", "--max-len", "7"], 2, "--max-len 7, but the model has 8"),
        (["post.keras", "--vocab", "index.json", "--name", "../x"], 2, "cannot be the name of a model"),
        (["index.json", "--vocab", "index.json"], 76, "is not a .keras file"),
        (["pipe", "--vocab", "index.json"], 76, "not a regular file"),
        (["index.json"], 76, "not a model that lstmctl exported"),
        (["post.lstmctl", "--max-len", "5"], 2, "go with --vocab"),
        (["many.keras", "--vocab", "index.json"], 2, "has 3 labels; name them"),
    ],
)
def test_import_errors(cli, files, arguments, code, message):
    (files / "bad.json").write_text('{"w1": "1"}')
    (files / "empty.json").write_text("{}")
    (files / "large.json").write_text('{"w1": 1000}')

    os.mkfifo(files / "pipe")
    config = good.architecture()
    config["config"]["layers"][3]["config"] |= {"units": 3, "activation": "softmax"}

    def three(file):
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = good.zeros(good.UNITS, 3), good.zeros(3)

    h5 = good.weights(three, leave_out=("layers/dense/vars/0", "layers/dense/vars/1"))
    (files / "many.keras").write_bytes(good.keras_file(config, h5))
    result = cli("models", "import", *arguments)
    assert (result.code, result.out) == (code, ""), result.err
    assert message in result.err
    assert not (files / "home").exists()


def test_missing_h5py(cli, files, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr("lstmctl.interchange.from_keras.find_spec", lambda name: None if name == "h5py" else real(name))
    result = cli("models", "import", "post.keras", "--vocab", "index.json")
    assert result.code == 69 and "pip install h5py" in result.err


def test_keras_word_index_is_fetched_once(cli, files, monkeypatch):
    calls = []

    def fetch(path, **keywords):
        calls.append(path.name)
        path.parent.mkdir(parents=True)
        path.write_bytes((files / "index.json").read_bytes())

    monkeypatch.setattr(named, "_fetch", fetch)
    for number in (1, 2):
        assert cli("models", "import", "post.keras", "--vocab", "keras-imdb").out == f"post@{number}\n"
    assert calls == ["keras-imdb-words.json"]


PROGRAM = """
import sys
from lstmctl.cli.main import run
code = run(["models", "import", "post.keras", "--vocab", "index.json"])
print(sorted({"h5py", "keras", "tensorflow", "pandas"} & set(sys.modules)))
sys.exit(code)
"""


def test_only_the_child_imports_h5py(files):
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "post@1\n[]\n"), done.stderr


@pytest.mark.parametrize(
    "arguments", [("pipe.lstmctl",), ("pipe.keras", "--vocab", "index.json"), ("post.keras", "--vocab", "pipe.json")]
)
def test_pipes_that_nobody_writes_to(cli, files, arguments):
    """Where a model or its words should be. Before, the program waited for ever."""
    for name in ("pipe.lstmctl", "pipe.keras", "pipe.json"):
        os.mkfifo(files / name)
    done = cli("models", "import", *arguments)
    assert done.code == 76 and "not a regular file" in done.err


def test_endless_standard_input(monkeypatch):
    """It is refused before it fills the disk."""

    class Endless(io.RawIOBase):
        """A ZIP archive, or something else, that does not end."""

        def __init__(self, head):
            self.head, self.count = head, 0

        def readable(self):
            return True

        def read(self, size=-1):
            self.count += 1
            assert self.count < 100
            return (self.head if self.count == 1 else b"").ljust(size, b"x")

    monkeypatch.setattr(from_keras, "MAX_STDIN", 2**24)
    for head, reads, message in ((b"{", 1, "not a .keras file"), (b"PK\x03\x04", 17, "over 16,777,216 bytes")):
        stream = Endless(head)
        with pytest.raises(Rejected, match=message):
            from_keras._copy_stdin(stream, io.BytesIO())
        assert stream.count == reads
