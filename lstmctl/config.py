"""The configurations: what a model is, what data it was trained on, and how. Each setting is defined here, once.

`ModelConfig` is all that is needed, besides weights and vocabulary, to turn a text into probabilities. `DataConfig`
names the rows and how they are split. `TrainConfig` is the recipe. Their defaults are the post's numbers. The options
of `lstmctl train`, `--dry-run` and docs/reference/recipes.md take default and help from the definitions here.

No NumPy here: `summary` and `models list` read these configurations and start fast.
"""

import dataclasses
import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from lstmctl.dialects import DELIMITER_NAMES, layout_problem
from lstmctl.settings import Config, Setting, setting

# Ids that every vocabulary reserves; words follow from FIRST_WORD on.
PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2

MAX_LINE_BYTES = 1024**2  # of a row, unless --max-line-bytes says otherwise
MAX_LABELS = 1_000
MAX_LABEL_LENGTH = 200
MAX_PARAMETER_BYTES = 2 * 1024**3
# What one text of the greatest length may take, however small the model is: steps of its LSTMs, and multiplications.
# With padding in front every text takes as much.
MAX_STEPS = {"masked": 200_000, "pre": 50_000}
MAX_PRODUCTS = {"masked": 4 * 10**10, "pre": 4 * 10**9}
MAX_TABLE = 2**31  # numbers of the tables that a classifier keeps of its words
MAX_NGRAMS = 4_000_000
MAX_NGRAM_INPUTS = 64
FEW_TEXTS = 3_000  # training texts; with fewer, word vectors are not trained
MANY_TEXTS = 10_000  # training texts; with fewer, two LSTMs are averaged
VECTORS_RATE = 0.2
WORDS_READ = 15_000_000  # in all epochs of a training run
_USUAL_TEXT = "text, or a usual name"
VECTORS = ("none", "own", "reviews", "words")

_COUNT, _EPOCHS, _SEED, _RATE, _PART = (1, 10**9), (1, 10_000), (0, 2**31 - 1), (0.0, 0.95), (0.0, 0.9)  # bounds


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)  # only its fields are used
class NetworkConfig(Config):
    """The settings that a recipe and the model it makes have in common."""

    # A vocabulary has ids for padding and unknown words too.
    vocab_size: int = setting(
        10_000, "Vocabulary size: the most frequent words.", "--vocab-size", bounds=(2, 2_000_000)
    )
    max_len: int = setting(500, "Maximum number of words read per text.", "--max-len", bounds=(1, 100_000))
    cut: Literal["start", "end", "middle"] = setting("start", "Which part of a text longer than max_len is dropped.")
    tokenizer: Literal["words-1", "words-2"] = setting("words-1", "Tokenizer; words-2 also keeps punctuation.")
    ngrams: Literal["none", "1", "2", "3"] = setting(
        "none", "Maximum n-gram length; none: the LSTM alone.", "--ngrams", "none|1|2|3"
    )
    embedding_dim: int = setting(32, "Embedding size.", "--embedding-dim", bounds=(1, 4096))
    units: int = setting(32, "Number of LSTM units.", "--units", bounds=(1, 4096))
    layers: int = setting(1, "Number of stacked LSTM layers.", bounds=(1, 8))
    bidirectional: bool = setting(False, "Also read texts backwards, with a second LSTM per layer.")
    pooling: Literal["last", "last+max", "last+max+mean"] = setting(
        "last", "Last hidden state, or also maximum and mean over words."
    )
    padding: Literal["masked", "pre"] = setting(
        "masked", "Padding: masked (never read), or in front and read like words."
    )


@dataclass(frozen=True, kw_only=True)
class ModelConfig(NetworkConfig):
    """Everything but weights and words that turns a text into probabilities.

    With two labels the head, the output layer, has one unit, σ(z) = P(labels[1]): the second label is the positive one.
    With more labels it has one unit per label and a softmax.

    With n-grams the model also has a table of them (`lstmctl.model.ngrams`): the weights of the n-grams that end at a
    word are further inputs of the first LSTM layer, and their sum over the text is added to the logits.
    """

    labels: tuple[str, ...] = setting(dataclasses.MISSING, "Labels in the order of the outputs.")
    ngram_count: int = setting(0, "Number of n-grams in the table.", bounds=(0, MAX_NGRAMS))
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
        it reads, and perhaps "max", each unit's maximum over all words, at least 0, and "mean", its mean."""
        return tuple(self.pooling.split("+"))

    @property
    def outputs(self) -> int:
        """Units of the head: 1 for two labels, else one per label."""
        return 1 if len(self.labels) == 2 else len(self.labels)

    @property
    def ngram_order(self) -> int:
        """Words of the longest n-gram; 0 without n-grams."""
        return 0 if self.ngrams == "none" else int(self.ngrams)

    @property
    def ngram_inputs(self) -> int:
        """Inputs of the first LSTM layer that are n-gram weights: for each order one per output. With very many labels
        there are none."""
        inputs = self.ngram_order * self.outputs
        return inputs if inputs <= MAX_NGRAM_INPUTS else 0

    def ngram_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name → shape of every tensor of the n-gram table, see `lstmctl.model.ngrams`; {} without n-grams."""
        if not self.ngram_order:
            return {}
        return {
            "ngrams.keys": (self.ngram_count,),
            "ngrams.weights": (self.ngram_count, self.outputs),
            "ngrams.scale": (1,),
            "ngrams.bias": (self.outputs,),
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name → shape of every tensor of the network, in the order of the forward pass.

        The four matrices of a layer are concatenated in Keras's order, so `kernel` is (inputs, 4·units),
        `recurrent_kernel` (units, 4·units) and `bias` (4·units,).
        """
        shapes: dict[str, tuple[int, ...]] = {"embedding": (self.vocab_size, self.embedding_dim)}
        inputs = self.embedding_dim + self.ngram_inputs
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

    @property
    def products(self) -> int:
        """Multiplications for each word that is read; the first layer's inputs are looked up."""
        deeper = (self.layers - 1) * self.units * len(self.directions)
        return 4 * self.units * len(self.directions) * (self.layers * self.units + self.ngram_inputs + deeper)

    def _work_problem(self) -> tuple[str, str] | None:
        """A text must not take minutes, however few parameters the model has."""
        lstms = self.layers * len(self.directions)
        if self.max_len * lstms > (most := MAX_STEPS[self.padding]):
            return "max_len", f"must be at most {most // lstms:,} with {lstms} LSTMs, not {self.max_len}"
        if self.max_len * self.products > (most := MAX_PRODUCTS[self.padding]):
            return "max_len", f"must be at most {most // self.products:,} with {self.units:,} units, not {self.max_len}"
        if 4 * self.units * len(self.directions) * self.vocab_size > MAX_TABLE:
            return "vocab_size", f"{self.vocab_size:,} is too large for {self.units:,} units"
        return None

    def problem(self) -> tuple[str, str] | None:
        """As in the base class; also for labels, and for a model that is too large, or too slow."""
        if problem := super().problem() or self._ngram_problem() or self._work_problem():
            return problem
        if not 2 <= len(self.labels) <= MAX_LABELS:
            return "labels", f"must be 2 to {MAX_LABELS:,}, not {len(self.labels):,}"
        if len(set(self.labels)) != len(self.labels):
            return "labels", "must all be different"
        if any(not label or len(label) > MAX_LABEL_LENGTH for label in self.labels):
            return "labels", f"must have 1 to {MAX_LABEL_LENGTH} characters"
        if (size := 4 * self.parameters + 12 * self.ngram_count * self.outputs) > MAX_PARAMETER_BYTES:
            largest = max(("vocab_size", "units", "embedding_dim"), key=lambda name: getattr(self, name))
            return largest, f"{getattr(self, largest):,} makes a model of {size / 1e9:,.1f} GB; the limit is 2 GB"
        return None

    def _ngram_problem(self) -> tuple[str, str] | None:
        if bool(self.ngram_order) != bool(self.ngram_count):
            return "ngram_count", f"must be 1 or more with n-grams, else 0, not {self.ngram_count:,}"
        if self.ngram_order and self.padding == "pre":
            return "ngrams", 'must be none where padding = "pre"'
        return None


@dataclass(frozen=True, kw_only=True)
class DataConfig(Config):
    """Which rows, and how they are split into training, validation and test parts: enough to find the parts again."""

    # The name of a data set, or the absolute path of a file or folder.
    source: str = setting(
        "imdb", "Data set (lstmctl data list), file, 'pattern' or folder; may be repeated.", "--data", "NAME|FILE|DIR"
    )
    # None: `text` and `label`, or a pair of names that is usual. Several columns of text are joined.
    text_column: str | tuple[str, ...] | None = setting(
        None, "Column with the text; repeat it to join several.", "--text-column", "NAME", unset=_USUAL_TEXT
    )
    label_column: str | None = setting(
        None, "Column with the label.", "--label-column", "NAME", unset="label, or a usual name"
    )
    delimiter: str | None = setting(
        None, "Character between the columns of a table.", "--delimiter", "CHAR", unset="recognised"
    )
    encoding: str | None = setting(
        None, "Encoding of text files, such as windows-1252.", "--encoding", "NAME", unset="recognised"
    )
    no_header: bool = setting(False, "Tables have no header line: the columns are 1, 2 and so on.", "--no-header", "")
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
    merge_labels: bool = setting(
        False, "Merge labels that are spelled differently, as Pos and pos are.", "--merge-labels", ""
    )
    rare_labels: Literal["stop", "drop", "merge"] = setting(
        "stop",
        'Labels with too few rows: drop the rows, or merge into the label "other".',
        "--rare-labels",
        "stop|drop|merge",
    )
    bad_rows: Literal["stop", "skip"] = setting(
        "stop", "Stop at a row that cannot be read, or skip and count it.", "--bad-rows", "stop|skip"
    )
    more_sources: tuple[str, ...] = setting((), "Further data, from --data given again.")
    # A record of what was found, for `predict`, and no part of what the data is.
    documents: bool = dataclasses.field(
        default=False, compare=False, metadata={"setting": Setting(False, "Whether each file was one text.")}
    )

    @property
    def sources(self) -> tuple[str, ...]:
        """All sources, in the order in which they are read."""
        return (self.source, *self.more_sources)

    @property
    def source_options(self) -> tuple[str, ...]:
        """The sources as options: ("--data", "a.csv", "--data", "b.csv")."""
        return tuple(word for source in self.sources for word in ("--data", source))

    def problem(self) -> tuple[str, str] | None:
        """As in the base class; also for the delimiter, the encoding, and settings that are one of a few words."""
        if problem := super().problem():
            return problem
        for name in ("rare_labels", "bad_rows"):
            if (value := getattr(self, name)) not in (allowed := get_args(self.types()[name])):
                return name, f"must be one of {', '.join(allowed)}, not {value!r:.60}"
        return layout_problem(self.delimiter, self.encoding)

    def __post_init__(self) -> None:
        """One text column as a string, several as a tuple, none as None; a delimiter written as `\\t` as a tab."""
        names = self.text_column
        if names is not None and not isinstance(names, str):
            object.__setattr__(self, "text_column", tuple(names) if len(names) > 1 else names[0] if names else None)
        if self.delimiter in DELIMITER_NAMES:
            object.__setattr__(self, "delimiter", DELIMITER_NAMES[self.delimiter])

    def reading_options(self) -> list[str]:
        """The words of a command line that read the data in the same way, for hints."""
        names = (self.text_column,) if isinstance(self.text_column, str) else self.text_column or ()
        words = [word for name in names if names != ("text",) for word in ("--text-column", name)]
        words += ["--label-column", self.label_column] if self.label_column not in (None, "label") else []
        words += ["--delimiter", self.delimiter] if self.delimiter is not None else []
        words += ["--encoding", self.encoding] if self.encoding is not None else []
        return words + ["--no-header"] * self.no_header


@dataclass(frozen=True, kw_only=True)
class TrainConfig(NetworkConfig):
    """The recipe: the network, and how it is fitted. A setting whose default is None follows the data or is off."""

    min_count: int = setting(1, "Words seen less often are unknown words.", bounds=_COUNT)
    ensemble_size: int | None = setting(
        None,
        "LSTMs whose logits are averaged.",
        bounds=(1, 16),
        unset=f"2 with fewer than {MANY_TEXTS:,} texts, else 1",
    )
    vectors: str | None = setting(
        None,
        "Word vectors: none, own, reviews, words, or a file.",
        "--vectors",
        "NAME|FILE",
        unset="best by cross-validation",
    )
    vectors_rate: float | None = setting(
        None,
        "Relative learning rate of word vectors; 0: not trained.",
        bounds=(0.0, 1.0),
        unset=f"0 with fewer than {FEW_TEXTS:,} training texts, else {VECTORS_RATE}",
    )
    dropout: float = setting(0.2, "Dropout rate on embeddings.", "--dropout", "RATE", bounds=_RATE)
    word_dropout: float = setting(0.0, "Rate at which words are replaced by the unknown word.", bounds=_RATE)
    output_dropout: float = setting(0.0, "Dropout rate before the output layer.", bounds=_RATE)
    epochs: int | None = setting(
        None,
        "Number of epochs.",
        "-e --epochs",
        bounds=_EPOCHS,
        unset="3, more for small data, fewer for very large data",
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

    def model_config(self, labels: tuple[str, ...], vocab_size: int, *, ngrams: int = 1) -> ModelConfig:
        """The model that this recipe makes of data with these labels, a vocabulary of this size, and if it has n-grams,
        this number of them."""
        shape = {name: getattr(self, name) for name in NetworkConfig.settings()}
        shape |= {"vocab_size": vocab_size, "units": self.units * (self.ensemble_size or 1)}
        return ModelConfig(labels=labels, **shape, ngram_count=0 if self.ngrams == "none" else ngrams)

    def for_data(self, *, texts: int, words: int) -> "TrainConfig":
        """The recipe for this many training texts with this many words in all: with a value for every setting that
        follows the size of the data.

        >>> [TrainConfig().for_data(texts=texts, words=230 * texts).epochs for texts in (500, 3_200, 18_000, 200_000)]
        [30, 8, 3, 1]
        >>> TrainConfig(epochs=7).for_data(texts=1, words=1).epochs
        7
        """
        # Enough steps for few texts; at most 3 epochs once there are enough words; at least one.
        enough = min(30, math.ceil(24_000 / texts))
        affordable = max(1, WORDS_READ // max(1, words))
        defaults: dict[str, Any] = {
            "epochs": min(max(3, enough), affordable),
            "vectors_rate": 0.0 if texts < FEW_TEXTS else VECTORS_RATE,
            "ensemble_size": 2 if texts < MANY_TEXTS else 1,
        }
        return replace(self, **{name: value for name, value in defaults.items() if getattr(self, name) is None})

    def problem(self) -> tuple[str, str] | None:
        """As in the base class; also for the name of the vectors."""
        if problem := super().problem():
            return problem
        if self.vectors is not None and not (self.vectors in VECTORS or "/" in self.vectors or "." in self.vectors):
            return "vectors", f"must be {', '.join(VECTORS)} or a file, not {self.vectors:.60}"
        return None


def option_name(name: str) -> str:
    """The command-line option of a setting.

    >>> option_name("vocab_size"), option_name("learning_rate")
    ('--vocab-size', '--lr')
    """
    definition = {**DataConfig.settings(), **TrainConfig.settings()}.get(name)
    return definition.option_name(name) if definition else "--" + name.replace("_", "-")


# The bounds of every setting that is a whole number.
BOUNDS: dict[str, tuple[int, int]] = {
    name: definition.bounds
    for config in (ModelConfig, DataConfig, TrainConfig)
    for name, definition in config.settings().items()
    if definition.bounds is not None and isinstance(definition.bounds[0], int)
}
