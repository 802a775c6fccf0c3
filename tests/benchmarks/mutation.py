"""Mutation testing: `python tests/benchmarks/mutation.py --mutants 40 model/lstm.py`.

A mutant is the program with one typical mistake: < for <=, + for -, and for or, a negated condition, a number off by
one, a missing call, a missing return value. Mutants are sampled at random, the same for the same --seed. A mutant is
killed when the tests of its module fail or take ten times as long as usual. Prints each survivor as file:line with the
change; some survivors are equivalent programs, for example with another buffer size.

Works on a copy of the repository; takes two minutes for ten mutants, more for `registry`.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = {  # module → the tests that should kill its mutants
    "model/lstm.py": ["tests/model/test_lstm.py"],
    "evaluation/metrics.py": ["tests/evaluation/test_metrics.py"],
    "evaluation/intervals.py": ["tests/evaluation/test_intervals.py"],
    "storage": ["tests/storage", "tests/registry/test_crash.py", "tests/registry/test_durability.py"],
    "registry": ["tests/registry", "tests/cli/test_models.py", "tests/cli/test_model_import.py"],
    "interchange": ["tests/interchange", "tests/cli/test_model_import.py"],
}
COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}


def mutate(node):
    """A mutant of the node, or None if there is none."""
    node = copy.deepcopy(node)
    match node:
        case ast.Compare(ops=[operator]):
            node.ops = [COMPARISONS[type(operator)]()]
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.UnaryOp(op=ast.Not()):
            return node.operand
        case ast.BinOp() if type(node.op) in ARITHMETIC:
            node.op = ARITHMETIC[type(node.op)]()
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant(value=int()):
            node.value += 1
        case ast.If() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Return(value=ast.expr()) if not isinstance(node.value, ast.Constant):
            node.value = ast.Constant(None)
        case ast.Expr(value=ast.Call()):
            return ast.Pass()
        case _:
            return None
    return node


def mutants(source):
    """(line, old code, new code, complete source) of every mutant of a module."""
    tree = ast.parse(source)
    for parent in ast.walk(tree):
        if isinstance(parent, ast.keyword) and parent.arg == "strict":  # of zip: a check that never fails
            continue
        for field, value in ast.iter_fields(parent):
            if field in ("annotation", "returns", "decorator_list", "keywords") and not isinstance(parent, ast.Call):
                continue
            places = [(value, number) for number in range(len(value))] if isinstance(value, list) else [(None, field)]
            for holder, place in places:
                node = holder[place] if holder is not None else value
                if not isinstance(node, ast.AST) or not hasattr(node, "lineno") or (other := mutate(node)) is None:
                    continue
                put(parent, holder, place, ast.copy_location(other, node))
                yield node.lineno, ast.unparse(node), ast.unparse(other), ast.unparse(ast.fix_missing_locations(tree))
                put(parent, holder, place, node)


def put(parent, holder, place, node):
    if holder is None:
        setattr(parent, place, node)
    else:
        holder[place] = node


def passes(folder, tests, *, timeout):
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(timeout) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=list(TESTS))
    parser.add_argument("--mutants", type=int, default=40, help="for each module")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("lstmctl", "tests", "docs", "pyproject.toml", "README.md", "CONTRIBUTING.md"):
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
        for module in arguments.modules:
            where = ROOT / "lstmctl" / module
            paths = sorted(where.rglob("*.py")) if where.is_dir() else [where]
            candidates = [(path, *mutant) for path in paths for mutant in mutants(path.read_text())]
            sample = random.Random(arguments.seed).sample(candidates, min(arguments.mutants, len(candidates)))
            started = time.monotonic()
            if not passes(folder, TESTS[module], timeout=3_600):
                sys.exit(f"the tests of {module} fail without a mutant")
            limit, killed = 10 * (time.monotonic() - started) + 10, 0
            for path, line, was, now, source in sample:
                target = folder / path.relative_to(ROOT)
                target.write_text(source)
                if passes(folder, TESTS[module], timeout=limit):
                    print(f"  survived: {path.relative_to(ROOT)}:{line}: {was[:70]} → {now[:70]}", flush=True)
                else:
                    killed += 1
                shutil.copy(path, target)
            print(f"{module}: {killed} of {len(sample)} killed, of {len(candidates):,} possible", flush=True)


if __name__ == "__main__":
    main()
