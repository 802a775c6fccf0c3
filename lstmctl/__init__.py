"""Train, measure, explain and serve LSTM text classifiers, from the shell and from Python.

    import lstmctl
    model = lstmctl.load("imdb@1")
    model.predict(["great movie"])[0].label

`load`, `models`, `explain`, `evaluate` and `train` live in `lstmctl.api`, which is imported on first use.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmctl.api import evaluate, explain, load, models, train

__version__ = "0.1.0"
__all__ = ["evaluate", "explain", "load", "models", "train"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from lstmctl import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
