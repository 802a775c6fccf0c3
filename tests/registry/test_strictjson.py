"""Strict JSON for untrusted files."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmctl.registry.strictjson import MAX_DEPTH, MAX_STRING, dump, parse_object

BAD = [
    (b"", "not JSON"),
    (b"{", "not JSON"),
    (b"{} {}", "not JSON"),
    (b"\xff\xfe{}", "not UTF-8"),
    (b"\xef\xbb\xbf{}", "not JSON"),
    (b'{"a":1,"a":2}', "duplicate key"),
    (b'{"a":{"b":1,"b":1}}', "duplicate key"),
    (b"NaN", "NaN"),
    (b"[-Infinity]", "Infinity"),
    (b"1e999", "too large"),
    (b"-1e999", "too large"),
    (b"1" * 5_000, "digits"),
    (b"1" * 20, "digits"),
    (b"[" * 100_000, "nested"),
    (b'{"a":' * 100_000, "nested"),
    (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested"),
    (b'"\\ud800"', "not Unicode"),
    (b'{"\\udc80": 1}', "not Unicode"),
    (b'"' + b"a" * (MAX_STRING + 1) + b'"', "too long"),
]


def parse(data):
    """The value of a JSON document that is not an object, in an object."""
    return parse_object(b'{"value":' + data + b"}")["value"]


@pytest.mark.parametrize(("data", "reason"), BAD, ids=range(len(BAD)))
def test_invalid_json(data, reason):
    for function in (parse, parse_object):
        with pytest.raises(ValueError, match=reason):
            function(data)


@pytest.mark.parametrize(("begin", "end"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_limit(begin, end):
    parse(begin * (MAX_DEPTH - 2) + begin.replace(b":", b": 1") + end * (MAX_DEPTH - 1))
    with pytest.raises(ValueError, match="nested"):
        parse(begin * (MAX_DEPTH - 1) + begin.replace(b":", b": 1") + end * MAX_DEPTH)


def test_length_limits():
    assert len(parse(b'"' + b"a" * MAX_STRING + b'"')) == MAX_STRING
    assert parse(b"9" * 19) == 10**19 - 1


def test_parse_object():
    assert parse_object(b'{"a": [1, 2.5, null, true, "\xc3\xa9"]}') == {"a": [1, 2.5, None, True, "é"]}
    with pytest.raises(ValueError, match="not an object"):
        parse_object(b"[]")


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    )
)  # fmt: skip
def test_round_trip(value):
    assert parse(dump(value)) == value


def test_strings_not_unicode_are_escaped():
    assert parse_object(dump({"command": ("caf\udce9",)})) == {"command": ["caf\\udce9"]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [-float("inf")]}])
def test_non_finite_numbers_are_not_written(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump(value)
