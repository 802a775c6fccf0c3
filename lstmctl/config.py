"""Frozen dataclasses to and from plain JSON values, with every type and bound checked.

What a model is, what it was trained on, and how: three frozen records, checked, to and from plain JSON values.

`ModelConfig` is all that is needed, beside weights and vocabulary, to turn a text into probabilities. `DataConfig`
names rows and how they are split. `TrainConfig` is the recipe. Their defaults are the post's numbers.

No NumPy here: `summary` and `models list` read these records and start fast.
"""

import dataclasses
import math
import types
import typing
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, Self

from lstmctl.errors import UsageError

# Bounds of every integer that sizes something. They hold for options, recipes and model files from strangers alike.
BOUNDS: dict[str, tuple[int, int]] = {
    "vocab_size": (2, 2_000_000),  # padding and unknown are ids too
    "max_len": (1, 100_000),
    "embedding_dim": (1, 4096),
    "units": (1, 4096),
    "layers": (1, 8),
    "ensemble_size": (1, 16),
    "epochs": (1, 10_000),
    "batch_size": (1, 65_536),
    "min_count": (1, 1_000_000_000),
    "early_stopping": (1, 10_000),
    "limit": (1, 1_000_000_000),
    "seed": (0, 2**31 - 1),
    "split_seed": (0, 2**31 - 1),
    "threads": (1, 1024),
}
# The same for real numbers: (low, high), both allowed. A learning rate of 0 would train nothing, hence the tiny low.
REAL_BOUNDS: dict[str, tuple[float, float]] = {
    "dropout": (0.0, 0.95),
    "word_dropout": (0.0, 0.95),
    "output_dropout": (0.0, 0.95),
    "learning_rate": (1e-8, 10.0),
    "warmup": (0.0, 0.9),
    "clip_norm": (1e-6, 1e6),
    "val_split": (0.01, 0.9),
    "test_split": (0.0, 0.9),
    "temperature": (0.01, 100.0),
    "time_limit": (1.0, 1e7),
}


# Settings of models, runs and recipes that were written before they were renamed.
RENAMED = {"members": "ensemble_size"}


def check_bounds(name: str, value: Any) -> str | None:
    """What is wrong with `value` for the setting `name` ("must be 1 or more, not 0"), or None."""
    if value is None:
        return None
    if name in BOUNDS:
        low, high = BOUNDS[name]
        if not low <= value <= high:
            return f"must be {low} or more, not {value}" if value < low else f"must be at most {high:,}"
    if name in REAL_BOUNDS:
        low_real, high_real = REAL_BOUNDS[name]
        if not math.isfinite(value) or not low_real <= value <= high_real:
            return f"must be between {low_real:g} and {high_real:g}, not {value:g}"
    return None


class Config:
    """Base of the configurations: plain dictionaries in and out."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; tuples become lists."""
        return {key: _plain(value) for key, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Build from untrusted JSON values.

        Raises:
            ValueError: naming the field, for an unknown or missing field, a wrong type, or a value out of bounds.
        """
        if not isinstance(values, dict):
            raise ValueError("not an object")
        fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        hints = _type_hints(typing.cast(Any, cls))
        values = {RENAMED.get(name, name): value for name, value in values.items()}
        for name in values:
            if name not in fields:
                raise ValueError(f"unknown field {name!r:.60}")
        arguments: dict[str, Any] = {}
        for name, field in fields.items():
            if name in values:
                arguments[name] = _typed(name, values[name], hints[name])
            elif field.default is dataclasses.MISSING:
                raise ValueError(f"field {name!r} is missing")
        record = cls(**arguments)
        if problem := record.problem():
            raise ValueError(" ".join(problem))
        return record

    def problem(self) -> tuple[str, str] | None:
        """The first setting that is out of bounds and what is wrong with it, or None."""
        for name, value in vars(self).items():
            if wrong := check_bounds(name, value):
                return name, wrong
        return None

    def validate(self) -> Self:
        """The record itself.

        Raises:
            UsageError: naming the option ("--epochs must be 1 or more, not 0").
        """
        if problem := self.problem():
            name, wrong = problem
            raise UsageError(f"{option_name(name)} {wrong}")
        return self


# Settings whose option is not simply the field's name with dashes.
_OPTION_NAMES = {
    "learning_rate": "--lr",
    "source": "--data",
    "val_source": "--val-data",
    "test_source": "--test-data",
}


def option_name(field: str) -> str:
    """The command-line option of a setting: `vocab_size` → `--vocab-size`."""
    return _OPTION_NAMES.get(field, "--" + field.replace("_", "-"))


@cache
def _type_hints(record: Any) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _typed(name: str, value: Any, kind: Any) -> Any:
    """`value` as the annotated type `kind`, or ValueError naming the field. Strings and bools never become numbers."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):  # the latter where one of them is a Literal
        if value is None:
            return None
        return _typed(name, value, arguments[0])
    if origin is Literal:
        if value not in arguments or type(value) is not type(arguments[0]):
            raise ValueError(f"field {name!r} must be one of {', '.join(map(str, arguments))}, not {value!r:.60}")
        return value
    if origin is tuple:
        return _typed_tuple(name, value, arguments)
    if kind is float and type(value) in (int, float) and abs(value) < 1e300:  # false for infinity and NaN too
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"field {name!r} must be {_KIND_NAMES[kind]}, not {value!r:.60}")
    return value


_KIND_NAMES = {int: "a whole number", float: "a finite number", str: "a string", bool: "true or false"}


def _typed_tuple(name: str, value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"field {name!r} must be a list")
    if kinds[-1] is ...:
        return tuple(_typed(name, item, kinds[0]) for item in value)
    if len(value) != len(kinds):
        raise ValueError(f"field {name!r} must have {len(kinds)} items")
    return tuple(_typed(name, item, kind) for item, kind in zip(value, kinds, strict=True))


# Ids that every vocabulary reserves; words follow from FIRST_WORD on.
PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2

MAX_LABELS = 1_000
FEW_TEXTS = 10_000  # in training; with fewer a recipe does what helps small data
MAX_LABEL_LENGTH = 200
MAX_PARAMETER_BYTES = 2 * 1024**3


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Config):
    """Everything but weights and words that turns a text into probabilities.

    With two labels the head has one output, σ(z) = P(labels[1]): the second label is the positive one. With more it has
    one output a label and a softmax. Fields with a single value in use today have room for others in the file format.
    """

    labels: tuple[str, ...]
    vocab_size: int = 10_000  # rows of the embedding: padding, unknown, then the words
    max_len: int = 500  # words read of a text
    cut: Literal["start", "end"] = "start"  # which end of a longer text is dropped
    tokenizer: Literal["words-1"] = "words-1"
    padding: Literal["masked", "pre"] = "masked"  # never read; or, as in the post, read before a text up to max_len
    start_word: str | None = None  # of the vocabulary, read before every text: keras.datasets.imdb marks starts so
    embedding_dim: int = 32
    units: int = 32
    layers: int = 1
    bidirectional: bool = False  # a second LSTM in each layer reads from the last word to the first
    pooling: Literal["last", "last+max"] = "last"  # which hidden states the head sees
    temperature: float = 1.0  # calibration; already folded into the head, kept as a record

    @property
    def positive(self) -> str | None:
        """The label that a two-class model's probability speaks of; None with more classes."""
        return self.labels[1] if len(self.labels) == 2 else None

    @property
    def directions(self) -> tuple[str, ...]:
        """The LSTMs of a layer: "forward", and if it is bidirectional "backward"."""
        return ("forward", "backward") if self.bidirectional else ("forward",)

    @property
    def pools(self) -> tuple[str, ...]:
        """What the head sees of the last layer: "last", each direction's hidden state after the last word it reads, and
        perhaps "max", the highest that each place of it ever was, from 0 before the first word on."""
        return tuple(self.pooling.split("+"))

    @property
    def outputs(self) -> int:
        """Width of the head: 1 for two labels, else one a label."""
        return 1 if len(self.labels) == 2 else len(self.labels)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name → shape of every tensor, in the order of the forward pass.

        The four matrices of a layer lie side by side in Keras's order, so `kernel` is (inputs, 4·units),
        `recurrent_kernel` (units, 4·units) and `bias` (4·units,).
        """
        shapes: dict[str, tuple[int, ...]] = {"embedding": (self.vocab_size, self.embedding_dim)}
        inputs = self.embedding_dim
        for layer in range(self.layers):
            for direction in self.directions:
                prefix = f"lstm.{layer}.{direction}."
                shapes[prefix + "kernel"] = (inputs, 4 * self.units)
                shapes[prefix + "recurrent_kernel"] = (self.units, 4 * self.units)
                shapes[prefix + "bias"] = (4 * self.units,)
            inputs = self.units * len(self.directions)
        shapes["head.kernel"] = (inputs * len(self.pools), self.outputs)
        shapes["head.bias"] = (self.outputs,)
        return shapes

    @property
    def parameters(self) -> int:
        """How many numbers training adjusts."""
        return sum(math.prod(shape) for shape in self.shapes().values())

    def problem(self) -> tuple[str, str] | None:
        if wrong := super().problem():
            return wrong
        if not 2 <= len(self.labels) <= MAX_LABELS:
            return "labels", f"must be 2 to {MAX_LABELS:,}, not {len(self.labels):,}"
        if len(set(self.labels)) != len(self.labels):
            return "labels", "must all be different"
        if any(not label or len(label) > MAX_LABEL_LENGTH for label in self.labels):
            return "labels", f"must have 1 to {MAX_LABEL_LENGTH} characters"
        if (size := 4 * self.parameters) > MAX_PARAMETER_BYTES:
            largest = max(("vocab_size", "units", "embedding_dim"), key=lambda name: getattr(self, name))
            return (
                largest,
                f"{getattr(self, largest):,} makes a model of {size / 1e9:,.1f} GB; the limit is 2 GB",
            )
        return None


@dataclass(frozen=True, kw_only=True)
class DataConfig(Config):
    """Which rows, and how they become training, validation and test parts. Enough to find the same parts again."""

    source: str = "imdb"  # a named data set, or the absolute path of a file or folder
    text_column: str = "text"
    label_column: str = "label"
    group_column: str | None = None  # rows with one value here stay in one part
    val_source: str | None = None  # a part that the user brings
    test_source: str | None = None
    unlabelled: str | None = None  # texts that only teach which words are like which
    val_split: float = 0.2  # of what the test part leaves
    test_split: float = 0.1
    split_seed: int = 0
    limit: int | None = None  # at most so many rows a part: for trials
    rename_label: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Config):
    """The recipe: the shape that is asked for, and how it is fitted."""

    vocab_size: int = 10_000
    min_count: int = 1  # rarer words are unknown words
    max_len: int = 500
    cut: Literal["start", "end"] = "start"
    embedding_dim: int = 32
    units: int = 32
    layers: int = 1
    bidirectional: bool = False
    pooling: Literal["last", "last+max"] = "last"
    ensemble_size: int = 1  # LSTMs of this size that are trained apart and answer together, as a larger one
    padding: Literal["masked", "pre"] = "masked"
    word_odds: Literal["naive-bayes", "none"] | None = None  # what the first numbers of the embedding are
    word_vectors: Literal["cooccurrence", "none"] = "none"  # where the rest of the embedding starts from
    dropout: float = 0.2  # share of each word's embedding that is hidden from the LSTM while training
    word_dropout: float | None = None  # share of the words that are unknown words while training; None: as `for_texts`
    output_dropout: float | None = None  # share of what the head sees that is hidden from it while training; likewise
    epochs: int | None = None  # None: as many as the data needs
    batch_size: int = 32
    optimizer: Literal["rmsprop", "adam"] = "rmsprop"
    learning_rate: float = 1e-3
    schedule: Literal["constant", "linear", "cosine"] = "linear"  # after the warm-up: down to 0, straight or curved
    warmup: float = 0.05  # share of all steps
    clip_norm: float | None = None
    class_weight: Literal["none", "balanced"] = "none"  # balanced: a rare label counts as much as a frequent one
    keep: Literal["best", "last"] = "best"  # which epoch becomes the model
    calibration: Literal["temperature", "none"] = "temperature"  # fitted on validation, folded into the head
    early_stopping: int | None = None  # end after so many epochs in a row without a lower validation loss
    time_limit: float | None = None  # seconds of training; the best epoch until then becomes the model
    seed: int = 0
    threads: int | None = None  # None: one a core

    def model_config(self, labels: tuple[str, ...], vocab_size: int) -> ModelConfig:
        """The model that this recipe makes of data with these labels and so many vocabulary rows."""
        return ModelConfig(
            labels=labels,
            vocab_size=vocab_size,
            max_len=self.max_len,
            cut=self.cut,
            padding=self.padding,
            embedding_dim=self.ensemble_size * self.embedding_dim,
            units=self.ensemble_size * self.units,
            layers=self.layers,
            bidirectional=self.bidirectional,
            pooling=self.pooling,
        )

    def for_texts(self, texts: int) -> "TrainConfig":
        """The recipe for so many training texts. With few, counting words says most, and learning by heart is easy: so
        the words' counted odds are given, and more is hidden, where the recipe does not say otherwise."""
        few = texts < FEW_TEXTS
        odds = self.word_odds if self.word_odds is not None else "naive-bayes" if few else "none"
        words = self.word_dropout if self.word_dropout is not None else 0.3 * few
        output = self.output_dropout if self.output_dropout is not None else 0.5 * few
        return replace(self, word_odds=odds, word_dropout=words, output_dropout=output)

    def epochs_for(self, texts: int) -> int:
        """Epochs of so many training texts: as asked for, or until about 48,000 texts were read, between 3 and 30."""
        return self.epochs if self.epochs is not None else max(3, min(30, math.ceil(48_000 / texts)))
