"""Labelled and unlabelled texts, wherever they come from. `read_rows`, which most of it stands on, is in `rows`.

The names below are looked up on first use: reading a few lines for `predict` need not load what divides data sets.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmctl.data.datasets import Dataset, Example, load, read_all, read_unlabelled
    from lstmctl.data.sources import default_model_name, source_of

__all__ = ["Dataset", "Example", "default_model_name", "load", "read_all", "read_unlabelled", "source_of"]

_MODULES = dict.fromkeys(("Dataset", "Example", "load", "read_all", "read_unlabelled"), "datasets") | dict.fromkeys(
    ("default_model_name", "source_of"), "sources"
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
