"""Valid names, and the meaning of a MODEL."""

import os
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.errors import UsageError
from lstmctl.registry.names import (
    MAX_VERSION,
    Reference,
    check_name,
    default_model_name,
    is_name,
    is_tag,
    parse_reference,
    parse_version_folder,
    version_folder,
)
from lstmctl.registry.store import Registry

HOSTILE = [
    "", ".", "..", "-rf", "a/b", "../x", "a\\b", "a\0b", "a\n", "\na", "a b", "A", "Imdb", "é", "e\u0301",
    "а", "ｉmdb", "im\u200cdb", "\u202eimdb", "a.", "a-", "_a", ".a", "a..b", "x" * 65, "x" * 5_000, "con", "nul",
    "com1", "lpt9", "latest", "tmp", "a.lock", "a.tmp", "a.json", "ﬁlm", "a@b@c", "a@", "@1", "a@0", "a@01", "a@-1",
    "a@1.5", "a@１", "a@Best", "a@1st", "a@" + "9" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_make_no_path(name, tmp_path):
    registry = Registry(tmp_path / "home")
    with pytest.raises(UsageError) as caught:
        registry.register(name, {})
    assert len(caught.value.message) < 200
    assert caught.value.message.isprintable()
    if "/" not in name:
        for refuse in (registry.resolve, registry.remove, registry.restore):
            with pytest.raises(UsageError):
                refuse(name)
    assert os.listdir(tmp_path) == []


class Untouchable:
    """A home of which no path may be made."""

    def __getattr__(self, name):
        raise AssertionError(f"the home was asked for {name}")


NAMES = st.one_of(
    st.text(max_size=70),
    st.text(string.ascii_lowercase + "0-._/\0@", max_size=70),
    st.builds(
        str.__add__, st.sampled_from(["imdb", "con", "a.lock", "tmp"]), st.text("\u202e\u200c \n.é\u0301", max_size=9)
    ),
    st.integers(60, 5_000).map("x".__mul__),
)


def check_refused_untouched(name):
    if is_name(name):
        return
    registry = Registry(Untouchable())
    for refuse in (
        registry.next_reference,
        lambda name: registry.register(name, {}),
        registry.prune,
    ):
        with pytest.raises(UsageError):
            refuse(name)
    for refuse in (registry.resolve, registry.remove, registry.restore, lambda name: registry.tag(name, "prod")):
        if "/" not in name and not is_reference(name):
            with pytest.raises(UsageError):
                refuse(name)


def is_reference(name):
    try:
        parse_reference(name)
    except UsageError:
        return False
    return True


@settings(deadline=None)
@given(NAMES)
def test_hostile_names_touch_no_home(name):
    check_refused_untouched(name)


@pytest.mark.slow
@settings(deadline=None, max_examples=20_000)
@given(NAMES)
def test_20_000_hostile_names(name):
    check_refused_untouched(name)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=70), st.text(string.ascii_lowercase + "0-._/\0@", max_size=70)))
def test_valid_names_are_plain(name):
    if not is_name(name):
        with pytest.raises(UsageError):
            check_name(name)
        return
    assert check_name(name) == name
    assert set(name) <= set(string.ascii_lowercase + string.digits + "._-")
    assert 1 <= len(name) <= 64
    assert ".." not in name
    assert not name.startswith(("-", ".", "_"))
    assert Path("home", name).name == name
    assert parse_reference(name) == Reference(name)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=100).map(lambda name: f"/data/{name.replace('/', '')}.csv"))
def test_default_name_is_valid(path):
    assert is_name(default_model_name(path))


def test_valid_names():
    for name in ("a", "7", "x" * 64, "a.b-c_d", "reviews.csv", "console", "con1", "tmp2", "lock"):
        assert check_name(name) == name


def test_hints_for_invalid_names():
    for name, hint in (("IMDB", "imdb"), ("latest", "reserved"), ("a b", "a-z 0-9")):
        with pytest.raises(UsageError) as caught:
            check_name(name)
        assert hint in caught.value.hint


def test_references():
    assert parse_reference("imdb") == parse_reference("imdb@latest") == Reference("imdb")
    assert parse_reference("imdb@3") == Reference("imdb", version=3)
    assert parse_reference("imdb@best") == Reference("imdb", tag="best")
    assert parse_reference("./imdb") == Path("imdb")
    assert parse_reference("/x/y@z/") == Path("/x/y@z")
    assert [str(parse_reference(text)) for text in ("imdb", "imdb@3", "imdb@best")] == ["imdb", "imdb@3", "imdb@best"]
    with pytest.raises(UsageError, match="restore takes a version"):
        Registry(Untouchable()).restore("imdb")
    with pytest.raises(UsageError, match="restore takes a model of the registry, not a path"):
        Registry(Untouchable()).restore("./imdb")


def test_tags_start_with_a_letter():
    assert is_tag("best")
    assert not any(map(is_tag, ("1st", "latest", "Best", "", "a/b")))


@settings(deadline=None)
@given(st.integers(1, MAX_VERSION), st.booleans())
def test_version_folders(version, deleted):
    assert parse_version_folder(version_folder(version, deleted=deleted)) == (version, deleted)


@pytest.mark.parametrize(
    "folder", ["v1", "v000000", "v0000001", "000001", "v000001.gone", "v00000a", "v１００００００", ".lock"]
)
def test_other_folder_names(folder):
    assert parse_version_folder(folder) is None
