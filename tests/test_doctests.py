"""The examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

import lstmctl

PACKAGE = Path(lstmctl.__file__).parent
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>>" in path.read_text()]


def name(path):
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("module", [name(path) for path in MODULES if path.parent.name != "training"])
def test_examples(module):
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted and not result.failed


@pytest.mark.training
@pytest.mark.parametrize("module", [name(path) for path in MODULES if path.parent.name == "training"])
def test_examples_of_training(module):
    test_examples(module)
