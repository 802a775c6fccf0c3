"""The main screens at 60, 80 and 200 columns, without colours.

After an intended change run `LSTMCTL_WRITE_SNAPSHOTS=1 pytest tests/cli/test_snapshots.py` and read the difference.
"""

import os
from pathlib import Path

import pytest
from toy import register_toy

from lstmctl.config import DataConfig
from lstmctl.data.datasets import load

FOLDER = Path(__file__).parent / "snapshots"
TEXTS = [
    "good film",
    "a bad film 字 and a 😀 that nobody has heard of, which goes on and on until no line can hold it",
    "",
]
SCREENS = {
    "predict": ["predict", *TEXTS],
    "predict-top": ["predict", "-k", "2", *TEXTS],
    "explain": ["predict", "--explain", "a good film, not a bad one 字"],
    "evaluate": ["evaluate", "--data", "labelled.csv"],
    "compare": ["evaluate", "tiny@1", "tiny@2", "--data", "labelled.csv", "--by", "length", "--worst", "2"],
    "summary": ["summary"],
    "gates": ["summary", "--gates", "--text", "good film, bad film"],
    "near": ["summary", "--near", "good"],
    "word": ["summary", "--word", "good"],
    "no-word": ["summary", "--word", "goood"],
    "plot": ["plot"],
    "confusion": ["plot", "--kind", "confusion", "--data", "labelled.csv"],
    "roc": ["plot", "--kind", "roc", "--data", "labelled.csv"],
    "pr": ["plot", "--kind", "pr", "--data", "labelled.csv"],
    "words": ["plot", "--kind", "words", "--text", "a good film", "--text", "not a bad one 字"],
    "heat-maps": ["plot", "--kind", "gates", "--text", "good film, bad film", "--show", "all"],
    "heat-map": ["plot", "--kind", "gates", "--text", "good film, bad film", "--show", "forget"],
    "heat-map-cell": ["plot", "--kind", "gates", "--text", "good film, bad film"],
    "data-check": ["data", "check", "--data", "labelled.csv"],
    "data-list": ["data", "list"],
    "calibration": ["plot", "--kind", "calibration", "--data", "labelled.csv"],
    "own": ["evaluate", "own"],
    "models": ["models", "list"],
    "wrong": ["evaluate", "--worst", "-1"],
    "typo": ["predict", "-m", "tinny", "good"],
}


def files(tmp_path):
    rows = [f"good film {n},pos\nbad film {n},neg\nfilm {n},{'pos' if n % 3 else 'neg'}\n" for n in range(30)]
    path = tmp_path / "labelled.csv"
    path.write_text("text,label\n" + "".join(rows))
    data = DataConfig(source=str(path))
    register_toy(Path(os.environ["LSTMCTL_HOME"]), "own", data=data, data_sha256=load(data, home=tmp_path).sha256)
    for _ in range(2):
        register_toy(Path(os.environ["LSTMCTL_HOME"]))


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("screen", SCREENS)
def test_screen(cli, tmp_path, monkeypatch, screen, columns):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(columns))
    files(tmp_path)
    done = cli(*SCREENS[screen], input=None, terminal=True)
    shown = f"$ {' '.join(SCREENS[screen])}\n{done.out or done.err}".replace(str(tmp_path), "HERE")
    path = FOLDER / f"{screen}-{columns}.txt"
    if "LSTMCTL_WRITE_SNAPSHOTS" in os.environ:
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown)
    assert shown == path.read_text()
