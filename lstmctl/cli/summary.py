"""`lstmctl summary`: what a model is made of. Only --gates, --near and --word read more than its JSON files."""

import math
import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmctl.cli.console import Answer, Console
from lstmctl.cli.options import MODEL_HELP, Model, complete_model, open_model, open_registry, option
from lstmctl.config import FIRST_WORD, ModelConfig
from lstmctl.errors import BadData, ExitCode, LstmctlError, NotFound, UsageError
from lstmctl.model.text import clip_at
from lstmctl.plots.text import Span, describe_ngrams, visible

if TYPE_CHECKING:
    from lstmctl.model.classifier import Classifier
    from lstmctl.model.explanation import MatrixSize
    from lstmctl.model.text import Vocabulary
    from lstmctl.registry.artifact import ModelFolder

EXAMPLES = """
Examples:
  lstmctl summary
  lstmctl summary imdb@1 --json
  lstmctl summary --command             the command line that trained it
  lstmctl summary --gates               the four matrices, half-life of the cell
  lstmctl summary --near dull           the nearest words in the embedding
"""
MATRICES = {
    "forget gate": "what is kept",
    "input gate": "how much is written",
    "candidate": "what could be written",
    "output gate": "what is read out",
}
MOST_TEXTS = 50  # of the test part, for the half-life
NEIGHBOURS = 10


_GATES_HELP = "Norms of the four matrices, and the half-life of the cell state on test texts."
_TEXT_HELP = "With --gates: measure the half-life on this text instead."
_WORD_HELP = "Whether WORD is known, and its frequency; exits with 1 if not."


def command(
    reference: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help=MODEL_HELP, autocompletion=complete_model)
    ] = None,
    model: Model = None,
    show_command: Annotated[bool, option("--command", "Print the command line that made it.")] = False,
    gates: Annotated[bool, option("--gates", _GATES_HELP)] = False,
    texts: Annotated[list[str] | None, option("--text TEXT", _TEXT_HELP)] = None,
    near: Annotated[str | None, option("--near WORD", "The words nearest to WORD in the embedding.")] = None,
    word: Annotated[str | None, option("--word WORD", _WORD_HELP)] = None,
) -> int:
    """Show a model's layers, data and score, or its gates and words."""
    if reference and model:
        raise UsageError("two models named; summary takes one")
    if sum((show_command, gates, near is not None, word is not None)) > 1:
        raise UsageError("--command, --gates, --near and --word are different answers", hint="ask for one at a time")
    if texts and not gates:
        raise UsageError("--text belongs to --gates")
    console = Console.open()
    folder = open_model(reference or model)
    if show_command:
        line = shlex.join(folder.card.command)
        console.result(visible(line) if console.out.on_terminal else line)
    elif gates:
        console.answer(answer_gates(console, folder, texts or []))
    elif near is not None:
        console.answer(answer_neighbours(folder, near))
    elif word is not None:
        answer, known = answer_word(folder, word)
        console.answer(answer)
        return int(ExitCode.DONE if known else ExitCode.NO)
    else:
        console.answer(answer_summary(folder))
    return int(ExitCode.DONE)


def list_layers(config: ModelConfig) -> list[tuple[str, str, str, int]]:
    """(layer, what it does, shape, parameters), as Keras's `model.summary()`, plus the four matrices of each LSTM."""
    shapes = config.shapes()
    rows, columns = shapes["embedding"]
    table = [("embedding", f"word → {columns} numbers", f"{rows:,} × {columns}", rows * columns)]
    for name, shape in shapes.items():
        if name.startswith("lstm.") and name.endswith(".kernel"):
            inputs, units = shape[0], config.units
            parameters = (inputs + units + 1) * units
            lstm = "lstm" if len(shapes) == 6 else name.removesuffix(".kernel")
            matrix_shape = f"({inputs} + {units} + 1) × {units}"
            table.append((lstm, "reads word by word", f"4 × {matrix_shape}", 4 * parameters))
            table += [(f"  {matrix}", role, matrix_shape, parameters) for matrix, role in MATRICES.items()]
    inputs, outputs = shapes["head.kernel"]
    result = f"P({visible(config.labels[1])})" if config.positive else "a probability per label"
    table.append(("dense", f"hidden state → {result}", f"({inputs} + 1) × {outputs}", (inputs + 1) * outputs))
    return table


def answer_summary(folder: "ModelFolder") -> Answer:
    """Layers, data, training and score."""
    card = folder.card
    layers = [(name.strip(), shape, parameters) for name, _, shape, parameters in list_layers(card.config)]
    columns = ("layer", "shape", "parameters")

    def objects() -> Iterator[dict[str, Any]]:
        yield {
            "schema": "lstmctl.summary/1",
            "model": folder.reference,
            "layers": [dict(zip(columns, layer, strict=True)) for layer in layers],
            "parameters": card.config.parameters,
            "config": card.config.to_dict(),
            "data": card.data and card.data.to_dict(),
            "rows": card.rows,
            **({"skipped": card.skipped} if card.skipped else {}),
            "training": card.training and card.training.to_dict(),
            "epoch": card.epoch,
            "created": card.created,
            "seconds": card.seconds,
            "versions": card.versions,
            "metrics": folder.metrics(),
        }

    return Answer(objects=objects(), rows=[columns, *layers], screen=partial(_show, folder))


def _show(folder: "ModelFolder", console: Console) -> None:
    card, config = folder.card, folder.card.config
    created = visible(card.created[:16].replace("T", " "))
    positive = f" (positive: {visible(config.positive)})" if config.positive else ""
    console.show_facts("model", f"{folder.reference} · {folder.size / 1e6:.1f} MB")
    if card.data is None or card.training is None:
        console.show_facts("imported", f"{created} UTC · trained elsewhere")
    else:
        epoch = f"epoch {card.epoch} of {card.training.epochs}"
        console.show_facts("trained", f"{created} UTC · {card.seconds:.0f} s · {epoch}")
        data = f"{visible(', '.join(card.data.sources))} · {card.rows.get('train', 0):,} training texts"
        console.show_facts("data", data)
    if card.skipped:
        reasons = " · ".join(f"{count:,} {visible(reason)}" for reason, count in list(card.skipped.items())[:5])
        console.show_facts("left out", f"{sum(card.skipped.values()):,} rows: {reasons}")
    console.show_facts("labels", f"{', '.join(map(visible, config.labels))}{positive}")
    start, rest = clip_at(config.max_len + 1, config.max_len, config.cut)
    ends = [f"the {name} {count:,}" for name, count in (("first", start), ("last", config.max_len + 1 - rest)) if count]
    console.show_facts("reads", f"{' and '.join(ends)} words of a text")
    if config.ngram_order:
        console.show_facts("n-grams", describe_ngrams(config.ngram_count, config.ngram_order))
    console.show_facts("accuracy", _accuracy(folder))
    if config.temperature != 1:
        console.show_facts("scaling", f"temperature {config.temperature:.2f}, fitted on validation texts")
    console.show()
    rows: list[list[Span]] = []
    for name, role, shape, parameters in list_layers(config):
        style = "dim" if name.startswith("  ") else ""
        rows.append([name, (role, style), shape, (f"{parameters:,}", style)])
    rows.append([("total", "bold"), "", "", (f"{config.parameters:,}", "bold")])
    _show_table(console, ["layer", "what it does", "shape", "parameters"], rows, full_width=72, right=1)


def _show_table(console: Console, header: list[str], rows: list[list[Span]], *, full_width: int, right: int) -> None:
    """A table without its second column on a screen below `full_width`; the last `right` columns right-aligned."""
    if console.out.width < full_width:
        header, rows = [header[0], *header[2:]], [[row[0], *row[2:]] for row in rows]
    console.table(header, rows, right=range(len(header) - right, len(header)))


def _accuracy(folder: "ModelFolder") -> str:
    if not (test := folder.metrics().get("test")):
        return "not measured on a test part"
    value, low, high, n = (test["metrics"]["accuracy"][key] for key in ("value", "low", "high", "n"))
    return f"{value:.3f} ({low:.3f} – {high:.3f}) on {n:,} test texts"


def answer_gates(console: Console, folder: "ModelFolder", texts: Sequence[str]) -> Answer:
    """Size, norms and bias of each matrix; and half-lives on `texts` or on some test texts, if they can be read."""
    from lstmctl.model.explanation import measure_matrices

    classifier = folder.classifier()
    matrices = measure_matrices(classifier)
    lives, measured_on = _measure_half_lives(console, folder, classifier, texts)

    def objects() -> Iterator[dict[str, Any]]:
        about = {"schema": "lstmctl.gates_summary/1", "model": folder.reference}
        units = {lstm: [value if math.isfinite(value) else None for value in lives[lstm]] for lstm in lives}
        half_life = {"texts": measured_on, "words_by_unit": units} if lives else None  # JSON has no infinity
        yield {**about, "matrices": [matrix._asdict() for matrix in matrices], "half_life": half_life}

    def rows() -> Iterator[Sequence[object]]:
        yield "lstm", "matrix", "parameters", "share", "norm_word", "norm_hidden", "mean_bias", "half_life"
        for matrix in matrices:
            lstm, label, _, _, parameters, *numbers = matrix
            life = f"{_quantile(lives[lstm], 0.5):.3f}" if lives and label == "forget gate" else None
            yield lstm, label, parameters, *(f"{number:.6f}" for number in numbers), life

    def screen(console: Console) -> None:
        console.show_facts("model", folder.reference)
        _show_matrices(console, matrices)
        for lstm, values in lives.items():
            quantiles = (_quantile(values, proportion) for proportion in (0.25, 0.5, 0.75))
            low, median, high = (f"{words:,.1f}" if words < 1e6 else "over a million" for words in quantiles)
            of_lstm = f" of {lstm}" if len(lives) > 1 else ""
            console.show()
            console.show(("half-life ", "dim"), f"of the cell state{of_lstm}: {median} words (median of the units)")
            console.show(" " * 10, f"middle half of the units: {low} to {high} words")
            console.show(" " * 10, (visible(measured_on), "dim"))

    return Answer(objects=objects(), rows=rows(), screen=screen)


def _measure_half_lives(
    console: Console, folder: "ModelFolder", classifier: "Classifier", texts: Sequence[str]
) -> tuple[dict[str, list[float]], str]:
    """For each LSTM the half-lives of its units in words, and what was read; empty, with a warning, if that fails."""
    from lstmctl.evaluation.selection import Choice, select_texts
    from lstmctl.model.explanation import half_lives

    try:
        with console.waiting("reading texts"):
            name = "the given text" if len(texts) == 1 else f"the {len(texts)} given texts"
            if not texts:
                examples, description, *_ = select_texts([folder], Choice(), home=open_registry().home)
                texts = [example.text for example in examples[:: -(-len(examples) // MOST_TEXTS)]]
                name = f"{len(texts)} texts of {description}"
            encoded = [classifier.encode(text) for text in texts]
            if not (words := sum(len(text.words) for text in encoded)):
                raise BadData("the texts have no words", hint='--text "not a good film"')
            return half_lives(classifier, encoded), f"{name}, {words:,} words"
    except LstmctlError as error:
        console.warn(f"no half-life of the cell state: {error.message}", hint="--text TEXT measures it on a text")
        return {}, ""


def _quantile(values: Sequence[float], proportion: float) -> float:
    """The value below which this proportion of the values lies."""
    return sorted(values)[min(len(values) - 1, int(proportion * len(values)))]


def _show_matrices(console: Console, matrices: "Sequence[MatrixSize]") -> None:
    """A table for each LSTM."""
    header = ["matrix", "word + hidden + bias", "parameters", "of model", "word", "hidden", "bias"]
    names = list(dict.fromkeys(matrix.lstm for matrix in matrices))
    for name in names:
        own = [matrix for matrix in matrices if matrix.lstm == name]
        console.show()
        if len(names) > 1:
            console.show((name, "bold"))
        rows: list[list[Span]] = []
        for _, label, inputs, units, parameters, share, *norms_and_bias in own:
            shape = f"{inputs}×{units} + {units}×{units} + {units}"
            shown = (f"{round(number, 2) + 0.0:.2f}" for number in norms_and_bias)  # + 0: never -0.00
            rows.append([label, (shape, "dim"), f"{parameters:,}", f"{share:.1%}", *shown])
        total, share = sum(matrix.parameters for matrix in own), sum(matrix.share for matrix in own)
        rows.append([("total", "bold"), "", (f"{total:,}", "bold"), f"{share:.1%}", "", "", ""])
        _show_table(console, header, rows, full_width=78, right=5)
    console.show()
    console.show(("of model: proportion of all parameters", "dim"))
    console.show(("word, hidden: norms of both kernels · bias: its mean", "dim"))


def answer_word(folder: "ModelFolder", text: str) -> tuple[Answer, bool]:
    """Whether the model knows a word, with its rank by frequency and its count in the training texts."""
    vocabulary, word = folder.vocabulary(), _parse_word(text, folder.card.config.tokenizer, option="--word")
    known = word in vocabulary.ids
    rank = vocabulary.ids[word] - FIRST_WORD + 1 if known else None
    count = vocabulary.counts[rank - 1] if rank else None

    def screen(console: Console) -> None:
        console.show((visible(word), "bold"), f"  {'known' if known else 'unknown'} to {folder.reference}")
        if rank:  # an imported model can know the order of its words without their counts
            times = f" · {count:,} times in the training texts" if count else ""
            console.show_facts("", f"rank {rank:,} by frequency{times}")
        elif similar := _similar_words(word, vocabulary):
            console.show_facts("", f"it knows {similar}")

    fields = {"word": word, "known": known, "rank": rank, "count": count}
    row = (word, "yes" if known else "no", rank, count)
    about = {"schema": "lstmctl.word/1", "model": folder.reference}
    return Answer(objects=[about | fields], rows=[tuple(fields), row], screen=screen), known


def answer_neighbours(folder: "ModelFolder", text: str) -> Answer:
    """The nearest words to a word in the embedding; NotFound if the model does not know it."""
    from lstmctl.model.explanation import nearest_words

    vocabulary, word = folder.vocabulary(), _parse_word(text, folder.card.config.tokenizer, option="--near")
    if word not in vocabulary.ids:
        hint = f"it knows {similar}" if (similar := _similar_words(word, vocabulary)) else "try another word"
        raise NotFound(f'{folder.reference} does not know the word "{word}"', hint=hint)
    columns = ("word", "cosine", "count")
    neighbours = [
        (vocabulary.words[number - FIRST_WORD], cosine, vocabulary.counts[number - FIRST_WORD])
        for number, cosine in nearest_words(folder.weights()["embedding"], vocabulary.ids[word], NEIGHBOURS)
    ]
    about = {"schema": "lstmctl.neighbours/1", "model": folder.reference, "word": word}
    objects = [{**about, "neighbours": [dict(zip(columns, neighbour, strict=True)) for neighbour in neighbours]}]
    numbers = ((other, f"{cosine:.6f}", count) for other, cosine, count in neighbours)

    def screen(console: Console) -> None:
        console.show((visible(word), "bold"), f" · nearest in the embedding of {folder.reference}")
        console.show()
        rows = [[visible(near), f"{cosine:.2f}", f"{count:,}"] for near, cosine, count in neighbours]
        console.table(["word", "cosine", "in training texts"], rows, right=[1, 2])

    return Answer(objects=objects, rows=[columns, *numbers], screen=screen)


def _parse_word(text: str, tokenizer: str, *, option: str) -> str:
    """The one word of a text, as the model reads it."""
    from lstmctl.model.text import tokenize

    words = tokenize(text, tokenizer)
    if len(words) != 1:
        raise UsageError(f'{option} takes one word; "{text}" has {len(words) or "none"}')
    return words[0]


def _similar_words(word: str, vocabulary: "Vocabulary") -> str:
    """Known words with a similar spelling."""
    from difflib import get_close_matches

    return ", ".join(visible(other) for other in get_close_matches(word, vocabulary.words, n=3, cutoff=0.75))
