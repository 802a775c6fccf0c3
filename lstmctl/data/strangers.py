"""Files that are often taken for data and are something else: what they are, and what to do."""

import os
import re
import shlex
import tempfile
from pathlib import Path

from lstmctl.data.packing import repaired_path

# First bytes, what the file is, and a program that makes text of it. A longer prefix comes first.
_BINARY = (
    (b"\xff\xfe\0\0", "UTF-32", "iconv -f UTF-32 -t UTF-8"),
    (b"\xff\xfe", "UTF-16", "iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "UTF-16", "iconv -f UTF-16 -t UTF-8"),
    (b"\x1f\x8b", "gzip data", "gunzip"),
    (b"BZh", "bzip2 data", "bunzip2"),
    (b"\xfd7zXZ\0", "xz data", "xz -d"),
    (b"\x28\xb5\x2f\xfd", "zstd data", "zstd -d"),
)
_AS_SUFFIX = (  # first bytes, what the file is, and the suffix under which it is read
    (b"PAR1", "Parquet", ".parquet"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old spreadsheet (.xls)", ".xls"),
)
_OTHERS = (
    (b"%PDF-", "a PDF document", "pdftotext {file} {out}.txt"),
    (b"{\\rtf", "an RTF document", "save the text as .txt or .csv, in UTF-8"),
    (b"SQLite format 3\0", "an SQLite database", "sqlite3 -csv -header {file} 'SELECT * FROM …' > {out}.csv"),
    (b"\x89HDF", "an HDF5 file", "write its texts and labels as CSV"),
    (b"ARROW1", "an Arrow (Feather) file", "write it as Parquet or CSV"),
    (b"\x80\x04\x95", "a Python pickle", "write its texts and labels as CSV, with pandas: to_csv"),
    (b"\x89PNG", "a picture", "name a file of texts and labels"),
    (b"\xff\xd8\xff", "a picture", "name a file of texts and labels"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z e -so {file} > {out}.csv"),
    (b"Rar!\x1a\x07", "a RAR archive", "unrar p -inul {file} > {out}.csv"),
)
_HEAD_BYTES = 2**13
_LFS = b"version https://git-lfs.github.com/spec/"
_SUFFIXES = {  # of files that are not read, and what to do
    ".arff": "grep -v '^[@%]' {file} > {out}.csv && lstmctl data check --no-header --data {out}.csv",
    ".pdf": "pdftotext {file} {out}.txt",
    ".tex": "write the texts as CSV, with a column of labels",
    ".doc": "write the texts as CSV, with a column of labels",
    ".xlsb": "save the sheet as .xlsx or CSV",
    ".ods": "save the sheet as .xlsx or CSV",
    ".docx": "write the texts as CSV, with a column of labels",
    ".html": "write the texts as CSV, with a column of labels",
    ".htm": "write the texts as CSV, with a column of labels",
    ".xml": "write the texts as CSV, with a column of labels",
    ".pkl": "write it as CSV, with pandas: to_csv",
    ".pickle": "write it as CSV, with pandas: to_csv",
    ".feather": "write it as Parquet, with pandas: to_parquet",
    ".arrow": "write it as Parquet, with pandas: to_parquet",
    ".db": "sqlite3 -csv -header {file} 'SELECT * FROM …' > {out}.csv",
    ".sqlite": "sqlite3 -csv -header {file} 'SELECT * FROM …' > {out}.csv",
    ".sqlite3": "sqlite3 -csv -header {file} 'SELECT * FROM …' > {out}.csv",
    ".tar": "tar -xf {file}, and name the file or folder in it",
    ".tgz": "tar -xf {file}, and name the file or folder in it",
    ".7z": "7z e -so {file} > {out}.csv",
    ".rar": "unrar p -inul {file} > {out}.csv",
}
_TEXT = (
    (re.compile(rb"\s*(?:%[^\n]*\n\s*)*@relation\s", re.IGNORECASE), "ARFF, the format of Weka", _SUFFIXES[".arff"]),
    (
        re.compile(
            rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
        ),
        "a web page, not data",
        "download the file itself: on GitHub behind Raw, on Kaggle after signing in",
    ),
    (
        re.compile(rb"\s*(?:%[^\n]*\n\s*)*\\(?:documentclass|begin\{document\}|input\{|section\{|usepackage)"),
        "LaTeX, not a table",
        _SUFFIXES[".tex"],
    ),
    (re.compile(rb"\s*<\?xml\b"), "XML, not a table", _SUFFIXES[".xml"]),
)


def recognise(head: bytes, name: str, *, text: bool = True) -> tuple[str, str] | None:
    """What a file is that starts with these bytes and is not data, and what to do; None if it can be data.

    `text` is whether to look for text of other kinds too: a web page, LaTeX, ARFF.
    """
    head = head[:_HEAD_BYTES]
    if head.startswith(_LFS):
        folder = os.path.dirname(name)
        inside = f"-C {shlex.quote(folder)} " if folder else ""
        return "a Git LFS pointer, not the data itself", f"git {inside}lfs pull"
    if head.startswith(b"PK\x03\x04"):
        is_sheet = b"xl/" in head or b"[Content_Types].xml" in head
        kind = "a zip archive, as .xlsx is one" + (": a spreadsheet under another name" if is_sheet else "")
        return kind, _copy_command(name, ".xlsx" if is_sheet else ".zip", keep=not is_sheet)
    found = [(kind, hint) for prefix, kind, hint in _OTHERS if head.startswith(prefix)]
    for prefix, kind, program in _BINARY:
        if head.startswith(prefix):
            found.append((f"{kind}; UTF-8 text is expected", repair_command(program, name)))
    for prefix, kind, suffix in _AS_SUFFIX:
        if head.startswith(prefix):
            found.append((f"{kind} under another name", _copy_command(name, suffix)))
    found += [(kind, hint) for pattern, kind, hint in _TEXT if text and pattern.match(head)]
    return (found[0][0], _filled(found[0][1], name)) if found else None


def suffix_hint(path: Path) -> str | None:
    """What to do about a file whose name says that it is of a kind that is not read."""
    name = str(path)
    suffix = ".tar" if ".tar." in path.name.lower() else path.suffix.lower()
    return _filled(_SUFFIXES[suffix], name) if suffix in _SUFFIXES else None


def repair_command(program: str, name: str) -> str:
    """A command that converts a file with a program that reads standard input."""
    if not os.path.splitext(name)[1]:  # a pipe
        return f"pipe it through: {program}"
    return f"{program} < {shlex.quote(name)} > {shlex.quote(repaired_path(name))}"


def _filled(hint: str, name: str) -> str:
    out = os.path.join(tempfile.gettempdir(), os.path.splitext(os.path.basename(name))[0])
    return hint.replace("{file}", shlex.quote(name)).replace("{out}", shlex.quote(out))


def _copy_command(name: str, suffix: str, *, keep: bool = False) -> str:
    stem = os.path.basename(name) if keep else os.path.splitext(os.path.basename(name))[0]
    return f"cp {shlex.quote(name)} {shlex.quote(os.path.join(tempfile.gettempdir(), stem + suffix))}"
