"""The hints of all errors and notes in the source, for the tests that follow them."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import lstmctl

PACKAGE = Path(lstmctl.__file__).parent
# What a person can type: an option, a command of ours, or of the shell.
_ACTION = re.compile(
    r"(?<![\w-])--?[a-zA-Z][\w-]*|\blstmctl [a-z]|"
    r"^(cp|mkdir|mv|ls|git|jq|unzip|curl|pip|tr|iconv|sha256sum|ray|grep|tar|ulimit|chmod)\b"
)


class Hint(NamedTuple):
    """One hint in the source. `text` has "…" where a value is filled in."""

    place: str  # file and line
    text: str

    @property
    def is_action(self) -> bool:
        """Whether it names a command or an option."""
        return _ACTION.search(self.text) is not None

    @property
    def pattern(self) -> "re.Pattern[str]":
        """Matches where the hint is said."""
        return re.compile(".*".join(map(re.escape, self.text.split("…"))), re.DOTALL)


@cache
def all_hints() -> list[Hint]:
    """Every text that is passed as `hint=…`, assigned to a name that is passed so or has "hint" in it, or returned by a
    function with "hint", "command" or "option" in its name."""
    found: dict[str, Hint] = {}
    trees = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
    passed = {
        keyword.value.id
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "hint" and isinstance(keyword.value, ast.Name) and keyword.value.id.isupper()
    }
    for path, tree in trees.items():
        for node in ast.walk(tree):
            for text in _texts_of(node, passed):
                found.setdefault(text, Hint(f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}", text))
    return list(found.values())


def _texts_of(node: ast.AST, passed: set[str]) -> Iterator[str]:
    values: list[ast.expr | None] = []
    if isinstance(node, ast.Call):
        values = [keyword.value for keyword in node.keywords if keyword.arg == "hint"]
    elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [getattr(part, "id", "") or getattr(part, "attr", "") for each in targets for part in ast.walk(each)]
        if any("hint" in name.lower() or name in passed for name in names):
            values = [node.value]
    elif isinstance(node, ast.FunctionDef) and re.search(r"hint|command$|option$", node.name):
        values = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
    for value in values:
        yield from (text for text in map(_template, _branches(value)) if text.strip("… "))


def _branches(value: ast.expr | None) -> Iterator[ast.expr]:
    """The texts that an expression can be."""
    if isinstance(value, ast.IfExp):
        yield from _branches(value.body)
        yield from _branches(value.orelse)
    elif isinstance(value, ast.BoolOp):
        for part in value.values:
            yield from _branches(part)
    elif isinstance(value, ast.Tuple | ast.List):
        for part in value.elts:
            yield from _branches(part)
    elif isinstance(value, ast.Constant | ast.JoinedStr | ast.BinOp):
        yield value


def _template(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, str) else ""
    if isinstance(value, ast.JoinedStr):
        return "".join(map(_template, value.values))
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        return _template(value.left) + _template(value.right)
    return "…"
