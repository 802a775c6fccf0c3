"""The configurations: what a model is, what data it was trained on, and how. Each setting is defined here, once.

`ModelConfig` is all that is needed, besides weights and vocabulary, to turn a text into probabilities. `DataConfig`
names the rows and how they are split. `TrainConfig` is the recipe. Their defaults are the post's numbers. The options
of `lstmctl train`, `--dry-run` and docs/reference/recipes.md take default and help from the definitions here.

No NumPy here: `summary` and `models list` read these configurations and start fast.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, NamedTuple, Self

from lstmctl.errors import UsageError

# Former names of settings, which older models, runs and recipes have.
RENAMED = {"members": "ensemble_size"}


class Setting(NamedTuple):
    """The definition of one setting. Its bounds hold for options, recipes and untrusted files alike."""

    default: Any
    help: str  # one sentence
    option: str = ""  # its flags on the command line, such as "-e --epochs"
    metavar: str = "N"
    bounds: tuple[Any, Any] | None = None  # inclusive; of whole numbers, or of real ones
    unset: str = ""  # what None means

    @property
    def shown_default(self) -> str:
        """The default as help texts show it; empty if there is none to show."""
        return self.unset or ("" if self.default in (None, ()) else str(self.default))

    def problem(self, value: Any) -> str | None:
        """What is wrong with a value of the right type ("must be 1 or more, not 0"), or None."""
        if value is None or self.bounds is None or self.bounds[0] <= value <= self.bounds[1]:
            return None
        low, high = self.bounds
        if isinstance(low, float):
            return f"must be between {low:g} and {high:g}, not {value:g}"
        return f"must be {low} or more, not {value}" if value < low else f"must be at most {high:,}"


def setting(default: Any, *definition: Any, **more: Any) -> Any:
    """A dataclass field with the definition of a setting: the arguments of `Setting`."""
    return dataclasses.field(default=default, metadata={"setting": Setting(default, *definition, **more)})


_type_hints = cache(typing.get_type_hints)


class Config:
    """Base of dataclasses that are stored as JSON: plain dictionaries in and out."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; tuples become lists."""
        return {name: _plain(value) for name, value in vars(self).items()}

    @classmethod
    def settings(cls) -> Mapping[str, Setting]:
        """The definitions of all settings by name, in order."""
        fields = dataclasses.fields(typing.cast(Any, cls))
        return {field.name: field.metadata["setting"] for field in fields if field.metadata}

    @classmethod
    def types(cls) -> dict[str, Any]:
        """The types of all fields by name."""
        return _type_hints(typing.cast(Any, cls))

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Build from untrusted JSON values. Raises ValueError naming a field that is unknown or missing, of a wrong
        type, or out of bounds."""
        if not isinstance(values, dict):
            raise ValueError("not an object")
        kinds = cls.types()
        given = {RENAMED.get(str(name), str(name)): value for name, value in values.items()}
        for name in given:
            if name not in kinds:
                raise ValueError(f"unknown field {name!r:.60}")
        for field in dataclasses.fields(typing.cast(Any, cls)):
            if field.name not in given and field.default is dataclasses.MISSING:
                raise ValueError(f"field {field.name!r} is missing")
        config = cls(**{name: _typed(name, value, kinds[name]) for name, value in given.items()})
        if problem := config.problem():
            raise ValueError(" ".join(problem))
        return config

    def problem(self) -> tuple[str, str] | None:
        """The first setting that is out of bounds and what is wrong with it, or None."""
        for name, definition in self.settings().items():
            if problem := definition.problem(getattr(self, name)):
                return name, problem
        return None

    def validate(self) -> Self:
        """The configuration itself. Raises UsageError naming the option: "--epochs must be 1 or more, not 0"."""
        if problem := self.problem():
            raise UsageError(f"{option_name(problem[0])} {problem[1]}")
        return self


def option_name(name: str) -> str:
    """The command-line option of a setting.

    >>> option_name("vocab_size"), option_name("learning_rate")
    ('--vocab-size', '--lr')
    """
    definition = {**DataConfig.settings(), **TrainConfig.settings()}.get(name)
    return definition.option.split()[-1] if definition and definition.option else "--" + name.replace("_", "-")


def _plain(value: Any) -> Any:
    if isinstance(value, Config):
        return value.to_dict()
    return list(map(_plain, value)) if isinstance(value, tuple) else value


_KIND_NAMES = {int: "a whole number", float: "a finite number", str: "a string", bool: "true or false"}


def _typed(name: str, value: Any, kind: Any) -> Any:
    """`value` as the annotated type `kind`, or ValueError naming the field. Strings and bools never become numbers."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):  # the latter where one of them is a Literal
        return None if value is None else _typed(name, value, arguments[0])
    if origin is Literal:
        if value not in arguments or type(value) is not type(arguments[0]):
            raise ValueError(f"field {name!r} must be one of {', '.join(map(str, arguments))}, not {value!r:.60}")
        return value
    if origin in (tuple, dict):
        return _typed_items(name, value, origin, arguments)
    if issubclass(kind, Config):
        try:
            return kind.from_dict(value)
        except ValueError as error:
            raise ValueError(f"field {name!r}: {error}") from error
    is_number = kind is float and type(value) in (int, float)
    if not (abs(value) < 1e300 if is_number else type(value) is kind):  # false for infinity and NaN too
        raise ValueError(f"field {name!r} must be {_KIND_NAMES[kind]}, not {value!r:.60}")
    return float(value) if is_number else value


def _typed_items(name: str, value: Any, origin: Any, kinds: tuple[Any, ...]) -> Any:
    """A tuple from a list, or a dictionary with strings as keys."""
    if not isinstance(value, list if origin is tuple else dict):
        raise ValueError(f"field {name!r} must be {'a list' if origin is tuple else 'an object'}")
    if isinstance(value, dict):
        return {key: _typed(name, item, kinds[1]) for key, item in value.items()}
    kinds = kinds[:1] * len(value) if kinds[-1] is ... else kinds
    if len(value) != len(kinds):
        raise ValueError(f"field {name!r} must have {len(kinds)} items")
    return tuple(_typed(name, item, kind) for item, kind in zip(value, kinds, strict=True))


# Ids that every vocabulary reserves; words follow from FIRST_WORD on.
PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2

MAX_LINE_BYTES = 1024**2  # of a row, unless --max-line-bytes says otherwise
MAX_LABELS = 1_000
MAX_LABEL_LENGTH = 200
MAX_PARAMETER_BYTES = 2 * 1024**3
SMALL_DATA = 10_000  # training texts; with fewer, a recipe regularizes more

_COUNT, _EPOCHS, _SEED, _RATE, _PART = (1, 10**9), (1, 10_000), (0, 2**31 - 1), (0.0, 0.95), (0.0, 0.9)  # bounds
_FEW = f"with fewer than {SMALL_DATA:,} training texts, else"


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)  # only its fields are used
class NetworkConfig(Config):
    """The settings that a recipe and the model it makes have in common."""

    # A vocabulary has ids for padding and unknown words too.
    vocab_size: int = setting(
        10_000, "Vocabulary size: the most frequent words.", "--vocab-size", bounds=(2, 2_000_000)
    )
    max_len: int = setting(500, "Maximum number of words read per text.", "--max-len", bounds=(1, 100_000))
    cut: Literal["start", "end"] = setting("start", "Which end of a text longer than max_len is dropped.")
    embedding_dim: int = setting(32, "Embedding size.", "--embedding-dim", bounds=(1, 4096))
    units: int = setting(32, "Number of LSTM units.", "--units", bounds=(1, 4096))
    layers: int = setting(1, "Number of stacked LSTM layers.", bounds=(1, 8))
    bidirectional: bool = setting(False, "Also read texts backwards, with a second LSTM per layer.")
    pooling: Literal["last", "last+max"] = setting("last", "Last hidden state, or also the maximum over all words.")
    padding: Literal["masked", "pre"] = setting(
        "masked", "Padding: masked (never read), or in front and read like words."
    )


@dataclass(frozen=True, kw_only=True)
class ModelConfig(NetworkConfig):
    """Everything but weights and words that turns a text into probabilities.

    With two labels the head, the output layer, has one unit, σ(z) = P(labels[1]): the second label is the positive one.
    With more labels it has one unit per label and a softmax. `tokenizer` leaves room for others in the file format.
    """

    labels: tuple[str, ...] = setting(dataclasses.MISSING, "Labels in the order of the outputs.")
    tokenizer: Literal["words-1"] = setting("words-1", "How texts become words.")
    start_word: str | None = setting(None, "Word that marks the start of every text, as in the IMDB data of Keras.")
    # A record only: it is already applied to the head.
    temperature: float = setting(1.0, "Temperature of the calibration.", bounds=(0.01, 100.0))

    @property
    def positive(self) -> str | None:
        """The positive label of a two-label model; None with more labels."""
        return self.labels[1] if len(self.labels) == 2 else None

    @property
    def directions(self) -> tuple[str, ...]:
        """The LSTMs of a layer: "forward", and if it is bidirectional "backward"."""
        return ("forward", "backward") if self.bidirectional else ("forward",)

    @property
    def pools(self) -> tuple[str, ...]:
        """What the head sees of the last LSTM layer: "last", each direction's hidden state after the last word
        it reads, and perhaps "max", each unit's maximum over all words, at least 0."""
        return tuple(self.pooling.split("+"))

    @property
    def outputs(self) -> int:
        """Units of the head: 1 for two labels, else one per label."""
        return 1 if len(self.labels) == 2 else len(self.labels)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name → shape of every tensor, in the order of the forward pass.

        The four matrices of a layer are concatenated in Keras's order, so `kernel` is (inputs, 4·units),
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
        """Number of trainable parameters."""
        return sum(math.prod(shape) for shape in self.shapes().values())

    def problem(self) -> tuple[str, str] | None:
        """As in the base class; also for labels, and for a model that is too large."""
        if problem := super().problem():
            return problem
        if not 2 <= len(self.labels) <= MAX_LABELS:
            return "labels", f"must be 2 to {MAX_LABELS:,}, not {len(self.labels):,}"
        if len(set(self.labels)) != len(self.labels):
            return "labels", "must all be different"
        if any(not label or len(label) > MAX_LABEL_LENGTH for label in self.labels):
            return "labels", f"must have 1 to {MAX_LABEL_LENGTH} characters"
        if (size := 4 * self.parameters) > MAX_PARAMETER_BYTES:
            largest = max(("vocab_size", "units", "embedding_dim"), key=lambda name: getattr(self, name))
            return largest, f"{getattr(self, largest):,} makes a model of {size / 1e9:,.1f} GB; the limit is 2 GB"
        return None


@dataclass(frozen=True, kw_only=True)
class DataConfig(Config):
    """Which rows, and how they are split into training, validation and test parts: enough to find the parts again."""

    # The name of a data set, or the absolute path of a file or folder.
    source: str = setting(
        "imdb", "Data set (see lstmctl data list), file, quoted pattern, or folder.", "--data", "NAME|FILE|DIR"
    )
    text_column: str = setting("text", "Column with the text.", "--text-column", "NAME")
    label_column: str = setting("label", "Column with the label.", "--label-column", "NAME")
    group_column: str | None = setting(
        None, "Keep rows with the same value here in the same part.", "--group-column", "NAME"
    )
    val_source: str | None = setting(None, "Validation data, instead of a split.", "--val-data", "FILE")
    test_source: str | None = setting(None, "Test data, instead of a split.", "--test-data", "FILE")
    unlabelled: str | None = setting(None, "Unlabelled texts to learn word vectors from.", "--unlabelled", "FILE")
    # Of what the test split leaves.
    val_split: float = setting(
        0.2, "Proportion held out for validation.", "--val-split", "PROPORTION", bounds=(0.01, 0.9)
    )
    test_split: float = setting(0.1, "Proportion held out for testing.", "--test-split", "PROPORTION", bounds=_PART)
    split_seed: int = setting(0, "Random seed of the train/validation/test split.", "--split-seed", bounds=_SEED)
    limit: int | None = setting(None, "Use at most N texts per part (trial run).", "--limit", bounds=_COUNT)
    rename_label: tuple[tuple[str, str], ...] = setting(
        (), "Read label FROM as TO; may be repeated.", "--rename-label", "FROM=TO"
    )


@dataclass(frozen=True, kw_only=True)
class TrainConfig(NetworkConfig):
    """The recipe: the network, and how it is fitted. A setting whose default is None follows the data or is off."""

    min_count: int = setting(1, "Words seen less often are unknown words.", bounds=_COUNT)
    ensemble_size: int = setting(1, "LSTMs trained separately, whose logits are averaged.", bounds=(1, 16))
    word_odds: Literal["naive-bayes", "none"] | None = setting(
        None, "First embedding dimensions: naive Bayes log odds, never trained.", unset=f"naive-bayes {_FEW} none"
    )
    word_vectors: Literal["cooccurrence", "none"] = setting(
        "none", "Other embedding dimensions: start from word co-occurrence."
    )
    dropout: float = setting(0.2, "Dropout rate on embeddings.", "--dropout", "RATE", bounds=_RATE)
    word_dropout: float | None = setting(
        None, "Rate at which words are replaced by the unknown word.", bounds=_RATE, unset=f"0.3 {_FEW} 0"
    )
    output_dropout: float | None = setting(
        None, "Dropout rate before the output layer.", bounds=_RATE, unset=f"0.5 {_FEW} 0"
    )
    epochs: int | None = setting(
        None, "Number of epochs.", "-e --epochs", bounds=_EPOCHS, unset="3, more for small data"
    )
    batch_size: int = setting(32, "Batch size.", "-b --batch-size", bounds=(1, 65_536))
    optimizer: Literal["rmsprop", "adam"] = setting("rmsprop", "Optimizer.")
    # A learning rate of 0 would train nothing.
    learning_rate: float = setting(1e-3, "Peak learning rate.", "--lr", "RATE", bounds=(1e-8, 10.0))
    schedule: Literal["constant", "linear", "cosine"] = setting(
        "linear", "Learning rate after the warm-up: constant, or decay to 0."
    )
    warmup: float = setting(0.05, "Proportion of steps with a rising learning rate.", bounds=_PART)
    clip_norm: float | None = setting(None, "Clip gradients to this norm.", bounds=(1e-6, 1e6), unset="no clipping")
    class_weight: Literal["none", "balanced"] = setting(
        "none", "Class weights: balanced counts rare labels more.", "--class-weight", "none|balanced"
    )
    keep: Literal["best", "last"] = setting("best", "Epoch that becomes the model: lowest validation loss, or last.")
    calibration: Literal["temperature", "none"] = setting(
        "temperature", "Temperature scaling fitted on the validation texts."
    )
    early_stopping: int | None = setting(
        None, "Stop after N epochs without a lower validation loss.", "--early-stopping", bounds=_EPOCHS
    )
    time_limit: float | None = setting(
        None,
        "Stop after this time (in seconds, or 10m, 2h); keep the best epoch.",
        "--time-limit",
        "TIME",
        bounds=(1.0, 1e7),
    )
    seed: int = setting(0, "Random seed.", "--seed", bounds=_SEED)
    threads: int | None = setting(None, "Number of CPU threads.", "--threads", bounds=(1, 1024), unset="one per core")

    def model_config(self, labels: tuple[str, ...], vocab_size: int) -> ModelConfig:
        """The model that this recipe makes of data with these labels and a vocabulary of this size."""
        shape = {name: getattr(self, name) for name in NetworkConfig.settings()}
        sizes = {name: shape[name] * self.ensemble_size for name in ("embedding_dim", "units")}
        return ModelConfig(labels=labels, **shape | sizes | {"vocab_size": vocab_size})

    def for_texts(self, texts: int) -> "TrainConfig":
        """The recipe for this number of training texts. With few, word counts carry most of the signal and overfitting
        is easy: embeddings start from naive Bayes log odds and dropout is higher, unless the recipe decides otherwise.
        """
        few = texts < SMALL_DATA
        odds = "naive-bayes" if few else "none"
        defaults: dict[str, Any] = {"word_odds": odds, "word_dropout": 0.3 * few, "output_dropout": 0.5 * few}
        return replace(self, **{name: value for name, value in defaults.items() if getattr(self, name) is None})

    def epochs_for(self, texts: int) -> int:
        """Epochs for this number of training texts: as set, or enough to read about 48,000 texts, from 3 to 30.

        >>> TrainConfig().epochs_for(18_000), TrainConfig().epochs_for(3_200), TrainConfig(epochs=7).epochs_for(1)
        (3, 15, 7)
        """
        return self.epochs if self.epochs is not None else max(3, min(30, math.ceil(48_000 / texts)))


# The bounds of every setting that is a whole number.
BOUNDS: dict[str, tuple[int, int]] = {
    name: definition.bounds
    for config in (ModelConfig, DataConfig, TrainConfig)
    for name, definition in config.settings().items()
    if definition.bounds is not None and isinstance(definition.bounds[0], int)
}
