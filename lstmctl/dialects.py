"""How a table is written, as far as a user can say it: delimiter and encoding."""

import codecs

# Codecs of Python that are not for the text of files.
_NO_ENCODINGS = (
    "idna",
    "punycode",
    "undefined",
    "unicode_escape",
    "raw_unicode_escape",
    "unicode-escape",
    "raw-unicode-escape",
)
DELIMITER_NAMES = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "bar": "|"}


def layout_problem(delimiter: str | None, encoding: str | None) -> tuple[str, str] | None:
    """The first setting of how a table is written that is not possible and what is wrong with it, or None.

    >>> layout_problem(";;", None)
    ('delimiter', "must be one character such as ',' ';' '|' or tab, not ';;'")
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0\ufeff'):
        return "delimiter", f"must be one character such as ',' ';' '|' or tab, not {delimiter!r:.20}"
    if encoding is not None:
        try:
            possible = "".encode(encoding) is not None and codecs.lookup(encoding).name not in _NO_ENCODINGS
        except (LookupError, ValueError):
            possible = False
        if not possible:
            return "encoding", f"must be an encoding such as utf-8, utf-16 or windows-1252, not {encoding!r:.60}"
    return None
