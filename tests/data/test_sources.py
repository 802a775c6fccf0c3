"""Names: what a user may write after --data, and the model name that follows from it."""

import gzip
import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.data.sources import resolve_source
from lstmctl.data.spool import spool
from lstmctl.errors import BadData, NotFound, UsageError
from lstmctl.registry.names import default_model_name

MODEL_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


def test_names_and_paths() -> None:
    cwd = Path("/work")
    assert resolve_source("imdb", cwd=cwd) == "imdb"
    assert resolve_source("./imdb", cwd=cwd) == "/work/imdb"
    assert resolve_source("reviews.csv", cwd=cwd) == "/work/reviews.csv"
    assert resolve_source("../films/", cwd=cwd) == "/films"
    assert resolve_source("/tmp/a.tsv.gz", cwd=cwd) == "/tmp/a.tsv.gz"
    assert resolve_source(".", cwd=cwd) == "/work"


def test_unknown_names(tmp_path: Path) -> None:
    for word, hint in (
        ("idmb", "did you mean imdb?"),
        ("qqq", "data sets: imdb, rotten-tomatoes, keras-imdb; a file needs its path"),
        ("", "data sets: imdb"),
    ):
        with pytest.raises(NotFound, match=f'there is no data set "{word}"') as caught:
            resolve_source(word, cwd=tmp_path)
        assert (caught.value.hint or "").startswith(hint)
    (tmp_path / "reviews").mkdir()
    with pytest.raises(NotFound) as caught:
        resolve_source("reviews", cwd=tmp_path)
    assert caught.value.hint == "write ./reviews for the folder of that name"


def test_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert resolve_source("~/reviews") == "/home/me/reviews"
    assert resolve_source("~") == "/home/me"
    assert resolve_source("~nobody-has-this-name/x", cwd=Path("/work")) == "/work/~nobody-has-this-name/x"


def test_stdin_is_rejected() -> None:
    with pytest.raises(UsageError, match="standard input"):
        resolve_source("-")


def test_spooled_stdin(tmp_path: Path) -> None:
    """Equal input is one file, whose name says the format."""
    table = b"text,label\n" + b"a b c,pos\n" * 300_000
    path = spool(io.BytesIO(table), tmp_path)
    assert path.read_bytes() == table and path.suffix == ".csv"
    assert spool(io.BytesIO(table), tmp_path) == path and list(path.parent.iterdir()) == [path]
    assert spool(io.BytesIO(gzip.compress(b'{"text": "a"}\n')), tmp_path).name.endswith(".jsonl.gz")
    with pytest.raises(BadData, match="is empty"):
        spool(io.BytesIO(), tmp_path)
    with pytest.raises(BadData, match="damaged"):
        spool(io.BytesIO(b"\x1f\x8bnothing"), tmp_path)
    with pytest.raises(NotFound, match="closed"):
        spool(None, tmp_path)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("imdb", "imdb"),
        ("/x/reviews.csv", "reviews"),
        ("/x/Reviews 2024.CSV.gz", "reviews-2024"),
        ("/x/reviews.v2.jsonl", "reviews.v2"),
        ("/x/notes.txt", "notes"),
        ("/x/shops/*.csv", "shops"),
        ("/x/shops/**/[ab]*.csv.gz", "shops"),
        ("/x/aclImdb", "aclimdb"),
        ("/x/film.reviews", "film.reviews"),
        ("/x/Kritik_Ü.tsv", "kritik"),
        ("/x/кино.csv", "model"),
        ("/x/con.csv", "con-model"),
        ("/x/LATEST", "latest-model"),
        ("/x/a.tmp.csv", "a.tmp-model"),
        ("/x/a..b.csv", "a.b"),
        ("/", "model"),
        ("/x/" + "a" * 80 + ".csv", "a" * 64),
    ],
)
def test_default_model_names(source: str, name: str) -> None:
    assert default_model_name(source) == name


@settings(max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=90))
def test_default_model_names_are_valid(stem: str) -> None:
    name = default_model_name("/x/" + stem)
    assert MODEL_NAME.fullmatch(name)
    assert ".." not in name
    assert not re.fullmatch(r"con|prn|aux|nul|com[1-9]|lpt[1-9]|latest|tmp|.*\.(lock|tmp|json)", name)
