"""predict: the same prediction however a text is passed, one row out per row in."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy import register_toy

from lstmctl.data.columns import ColumnNames
from lstmctl.data.formats import read_rows

TEXTS = ["good film", "bad film", "", "qwrtz", "good " * 50, "bad bad good\tfilm", "GOOD FILM!", "这部电影 😀 good"]


@pytest.fixture
def model(tmp_path):
    return register_toy(tmp_path / "home")


def probabilities(result):
    return [json.loads(line)["probabilities"] for line in result.lines]


def test_one_row_out_for_each_text(cli, model):
    result = cli("predict", "good film", "bad film")
    assert result.code == 0
    assert result.err == ""
    rows = [line.split("\t") for line in result.lines]
    assert [label for label, _ in rows] == ["pos", "neg"]
    assert all(0.5 <= float(probability) <= 1 for _, probability in rows)


def test_predictions_do_not_depend_on_the_input(cli, model, tmp_path):
    """As an argument, on stdin, in files of every format, alone and among other texts."""
    texts = [text.replace("\t", " ") for text in TEXTS]
    alone = [probabilities(cli("predict", "--json", "--", text))[0] for text in texts]
    together = probabilities(cli("predict", "--json", "--", *texts))
    piped = probabilities(cli("predict", "--json", "-", input="\n".join(texts).encode()))
    files = {
        "a.txt": "\n".join(texts),
        "a.csv": "id,text\n" + "".join(f'1,"{text}"\n' for text in texts),
        "a.tsv": "text\tid\n" + "".join(f"{text}\t1\n" for text in texts),
        "a.jsonl": "".join(json.dumps({"text": text}) + "\n" for text in texts),
    }
    assert alone == together == piped
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        assert probabilities(cli("predict", "--json", "-i", tmp_path / name)) == alone, name
        with gzip.open(tmp_path / (name + ".gz"), "wt") as file:
            file.write(content)
        assert probabilities(cli("predict", "--json", "-i", tmp_path / (name + ".gz"))) == alone, name
    for others in (1, 2, 15, 16, 17, 300, 1100):
        lines = "\n".join([*texts, *["good bad film"] * others])
        assert probabilities(cli("predict", "--json", "-", input=lines.encode()))[: len(texts)] == alone


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.text(alphabet="gobad \r\x0b\x0c\x1c\x85\u2028é\t", max_size=12), max_size=8))
def test_rows_are_lines(cli, model, lines):
    """Only byte 10 ends a row; other Unicode line breaks are part of the text."""
    data = "".join(line + "\n" for line in lines).encode()
    result = cli("predict", "-", input=data)
    assert result.code == 0
    assert len(result.lines) == len(lines)


def test_json_fields(cli, model):
    (line,) = cli("predict", "--json", "good qwrtz film").lines
    prediction = json.loads(line)
    assert prediction["schema"] == "lstmctl.prediction/1"
    assert (prediction["row"], prediction["text"], prediction["label"]) == (1, "good qwrtz film", "pos")
    assert (prediction["words"], prediction["known"], prediction["unknown"], prediction["cut"]) == (3, 2, ["qwrtz"], 0)
    assert prediction["model"] == "tiny@1"
    assert prediction["probability"] == prediction["probabilities"]["pos"] == max(prediction["probabilities"].values())
    assert sum(prediction["probabilities"].values()) == pytest.approx(1)


def test_long_text_is_cut(cli, model):
    prediction = json.loads(cli("predict", "--json", "bad " * 30 + "good " * 20).lines[0])
    assert prediction["cut"] == 50 - 20


def test_labels_only_top_k_threshold(cli, model):
    assert cli("predict", "--labels-only", "good film").out == "pos\n"
    (line,) = cli("predict", "-k", 2, "bad film").lines
    first, p, second, q = line.split("\t")
    assert (first, second) == ("neg", "pos")
    assert float(p) + float(q) == pytest.approx(1, abs=2e-4)
    assert cli("predict", "--labels-only", "--threshold", "0", "bad film").out == "pos\n"
    label, probability = cli("predict", "--threshold", "1", "good film").lines[0].split("\t")
    assert label == "neg" and float(probability) < 0.5


@pytest.mark.parametrize(("label", "code"), [("pos", 0), ("neg", 1)])
def test_expect_exits_like_grep(cli, model, label, code):
    assert cli("predict", "--expect", label, "good film").code == code


def test_screen_has_bars_and_unknown_words(cli, model):
    result = cli("predict", "good film", "qwrtz", terminal=True)
    first, second = result.lines
    assert first.startswith("pos  0.") and "━" in first and first.endswith("good film")
    assert second.endswith("1 of 1 words unknown")
    assert max(map(len, result.lines)) <= 80
    assert result.err == "model tiny@1\n"


def test_text_that_names_a_file_or_model_gets_a_hint(cli, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.csv").write_text("text\ngood\n")
    for text, hint in (("texts.csv", "predict -i texts.csv"), ("tiny@1", "predict -m tiny@1 TEXT")):
        result = cli("predict", text)
        assert result.code == 0 and len(result.lines) == 1
        assert hint in result.err
    assert cli("predict", "-q", "tiny@1").err == ""


def test_control_characters_are_escaped(cli, model):
    result = cli("predict", "good \x1b[2J film [/bold]", terminal=True)
    assert "\x1b" not in result.out
    assert "\\x1b[2J film [/bold]" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-k", "3", "x"], "--top-k must be 1 to 2"),
        (["--threshold", "1.5", "x"], "--threshold must be between 0 and 1"),
        (["--threshold", "nan", "x"], "--threshold must be between 0 and 1"),
        (["--expect", "POS", "x"], '--expect "POS" is not a label of this model'),
        (["-i", "f.csv", "x"], "both texts and --input"),
        (["-i", "f.csv", "-"], "both texts and --input"),
        (["--input-format", "xml", "-"], "--input-format must be one of"),
        (["--input-format", "xml", "x"], "--input-format must be one of"),
        (["--encoding-errors", "maybe", "-"], "--encoding-errors must be strict or replace"),
        (["-5 stars"], "no such option: -5"),
        (["--colour", "two words"], "no such option: --colour"),
    ],
)
def test_usage_errors(cli, model, arguments, message):
    result = cli("predict", *arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith(f"error: {message}")
    assert len(result.err.splitlines()) <= 2
    assert ("goes after --" in result.err) == (arguments == ["-5 stars"])


def test_no_text_on_a_terminal(cli, model):
    result = cli("predict", input=None)
    assert result.code == 2
    assert "no text given" in result.err


def test_invalid_utf8(cli, model):
    result = cli("predict", "-", input=b"good\nba\xffd\n")
    assert result.code == 65
    assert "standard input:2: byte 3" in result.err
    assert "--encoding-errors replace" in result.err
    replaced = cli("predict", "--encoding-errors", "replace", "-", input=b"good\nba\xffd\n")
    assert replaced.code == 0 and len(replaced.lines) == 2


@pytest.mark.parametrize(("reference", "code"), [("tinny", 66), ("tiny@9", 66), ("tiny@best", 66), ("no/where", 66)])
def test_unknown_model(cli, model, reference, code):
    result = cli("predict", "-m", reference, "x")
    assert result.code == code
    assert "hint:" in result.err
    assert result.out == ""


def test_no_model(cli):
    result = cli("predict", "x")
    assert result.code == 66
    assert "lstmctl train" in result.err


# --- tables, and files in the format of their ending --------------------------------------------------------------


def test_header(cli, model, tmp_path):
    assert cli("predict", "--header", "good").lines == ["label\tprobability", "pos\t0.8245"]
    assert cli("predict", "--header", "--format", "csv", "--labels-only", "-k", 2, "good").lines == [
        "label,label_2",
        "pos,neg",
    ]
    assert cli("predict", "--header", "--json", "good").code == 2
    (tmp_path / "in.csv").write_text("id,text,label\n1,good,x\n")
    done = cli("predict", "-i", tmp_path / "in.csv", "--header", "--keep-columns")
    assert done.lines == ["label\tprobability\tid\tinput_label", "pos\t0.8245\t1\tx"]
    assert cli("predict", "--header", "-i", "-", input=b"").lines == ["label\tprobability"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "a.TSV", "a.txt", "a"])
def test_a_file_has_the_format_of_its_ending(cli, model, tmp_path, name):
    (tmp_path / "in.csv").write_text('text\n"good\nfilm"\nbad\n')
    assert cli("predict", "-i", tmp_path / "in.csv", "-o", tmp_path / name).code == 0
    written = (tmp_path / name).read_text()
    match name:
        case "a.json":
            assert [row["label"] for row in json.loads(written)] == ["pos", "neg"]
        case "a.jsonl":
            assert [json.loads(line)["label"] for line in written.splitlines()] == ["pos", "neg"]
        case "a.csv":
            rows = list(csv.DictReader(io.StringIO(written, newline="")))
            assert [(row["row"], row["line"], row["text"], row["label"]) for row in rows] == [
                ("1", "2", "good\nfilm", "pos"),
                ("2", "4", "bad", "neg"),
            ]
        case "a.TSV":
            assert written.startswith("row\tline\ttext\tlabel\tprobability\n1\t2\tgood\\nfilm\tpos\t")
        case _:
            assert written.startswith("pos\t0.")  # as in a pipe


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["good"], "x.png"),
        (["good"], "x.html"),
        (["--explain", "good"], "x.gif"),
        (["--explain", "good"], "x.parquet"),
        (["--json", "good"], "x.csv"),
        (["--format", "tsv", "good"], "x.jsonl"),
        (["-i", "*.csv", "--engine", "ray"], "x.csv"),
    ],
)
def test_endings_that_do_not_fit(cli, model, tmp_path, monkeypatch, arguments, output):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("text\ngood\n")
    done = cli("predict", *arguments, "-o", output)
    assert done.code == 2 and "hint:" in done.err
    assert not os.path.exists(output)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(alphabet="gobad ,\"'\\\t\r\né字\ufeff", max_size=8), min_size=1, max_size=6))
def test_what_predict_writes_can_be_read(cli, model, tmp_path, texts):
    """CSV, TSV and Parquet keep every text, and evaluate reads their labels."""
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    for ending in ("csv", "tsv", "jsonl", "parquet"):
        path = tmp_path / f"answers.{ending}"
        assert cli("predict", "-i", tmp_path / "in.jsonl", "-o", path, "--force", "-j", 1).code == 0
        rows = list(read_rows(path, ColumnNames()))
        assert [row.text for row in rows] == texts, ending
    assert cli("evaluate", "--data", path, "-j", 1).code == 0


# --- real processes and real pipes ----------------------------------------------------------------------------------


def program(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "lstmctl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_prediction_does_not_wait_for_more_input(model):
    process = program("predict", "-", stdin=subprocess.PIPE)
    for text in (b"good film\n", b"bad film\n"):
        process.stdin.write(text)
        process.stdin.flush()
        assert process.stdout.readline().split(b"\t")[0] in (b"pos", b"neg")
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()
    process.stderr.close()


def shell(command, tmp_path):
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env={**os.environ, "PY": f"{sys.executable} -m lstmctl"},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("command", "code", "silent"),
    [
        ("yes 'good film' | head -n 50000 | $PY predict - | head -n 1", 141, True),
        ("$PY predict 'good film' > /dev/full", 74, False),
        ("$PY predict 'good film' >&-", 74, False),
        ("$PY predict - <&-", 66, False),
        ("$PY predict 'good film' 2>&-", 0, True),
        ("PYTHONIOENCODING=latin-1 LC_ALL=C $PY predict --json '字 😀' | iconv -f UTF-8", 0, True),
    ],
)
def test_exit_codes_in_a_shell(model, tmp_path, command, code, silent):
    if "/dev/full" in command and not os.path.exists("/dev/full"):
        pytest.skip("needs Linux's /dev/full")
    returned, _, err = shell(command, tmp_path)
    assert returned == code, err
    assert b"Traceback" not in err
    assert (err == b"") == silent, err


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("output", [False, True])
def test_bad_rows_are_skipped_and_counted(cli, tmp_path, jobs, output):
    register_toy(tmp_path / "home")
    path, target = tmp_path / "ragged.csv", tmp_path / "answers.jsonl"
    path.write_text("text,label\n" + "".join(f"good {n},pos{',x' if n % 10 == 5 else ''}\n" for n in range(60)))
    command = ["predict", "-i", path, "--json", "-j", jobs, *(["-o", target] if output else [])]
    stopped = cli(*command[:6])
    assert stopped.code == 65 and "--bad-rows skip" in stopped.err
    done = cli(*command, "--bad-rows", "skip")
    assert done.code == 0, done.err
    rows = [json.loads(line)["row"] for line in (target.read_text() if output else done.out).splitlines()]
    assert rows == [n + 2 for n in range(60) if n % 10 != 5]
    assert "skipped 6 bad rows" in done.err and "ragged.csv:7: this row has 3 fields" in done.err
    piped = cli("predict", "-", "--bad-rows", "skip", input=b"good\nb\xe9d\nbad\n")
    assert piped.code == 0 and len(piped.lines) == 2 and "skipped 1 bad row: standard input:2: " in piped.err
