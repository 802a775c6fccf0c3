"""`lstmctl summary`: what is in a model. Reads its JSON; only the looks inside read weights and words.

`lstmctl summary --gates`: the four matrices of each LSTM in numbers, and how long its belt remembers.

`lstmctl summary --word` and `--near`: what a model knows of a word.
"""

import math
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import MODEL_HELP, Model, complete_model, settings
from lstmctl.cli.registry_access import open_model, open_registry
from lstmctl.config import FIRST_WORD, ModelConfig
from lstmctl.errors import BadData, ExitCode, LstmctlError, NotFound, UsageError
from lstmctl.plots.text import Span, tsv, visible

if TYPE_CHECKING:
    from lstmctl.model.classifier import Classifier
    from lstmctl.model.text import Vocabulary
    from lstmctl.registry.artifact import ModelFolder

NAME = "summary"
EXAMPLES = """
Examples:
  lstmctl summary
  lstmctl summary imdb@1 --json
  lstmctl summary --command             the line that trained it
  lstmctl summary --gates               the four matrices, and how long the belt remembers
  lstmctl summary --near dull           what the model takes for much the same
"""
# In the order of the story; the usual name of each stands in docs/explain/lstm.md.
MATRICES = (
    ("forget gate", "what the belt drops"),
    ("decision gate", "what gets written"),
    ("new value", "what could be written"),
    ("output gate", "what is read out"),
)


def command(
    reference: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help=MODEL_HELP, autocompletion=complete_model)
    ] = None,
    model: Model = None,
    show_command: Annotated[
        bool, typer.Option("--command", help="Print the command line that made the model.")
    ] = False,
    gates: Annotated[
        bool,
        typer.Option("--gates", help="Sizes and norms of the four matrices, and the belt's half-life on test texts."),
    ] = False,
    texts: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="TEXT", help="With --gates: measure the half-life on this text instead."),
    ] = None,
    near: Annotated[
        str | None, typer.Option("--near", metavar="WORD", help="The words nearest to WORD in the embedding.")
    ] = None,
    word: Annotated[
        str | None,
        typer.Option("--word", metavar="WORD", help="Whether WORD is known, and how frequent; 1 if it is unknown."),
    ] = None,
) -> int:
    """Show a model's layers, data and score, or look inside."""
    if reference and model:
        raise UsageError("two models named; summary takes one")
    if sum((show_command, gates, near is not None, word is not None)) > 1:
        raise UsageError("--command, --gates, --near and --word are different answers", hint="ask for one at a time")
    if texts and not gates:
        raise UsageError("--text belongs to --gates")
    console = Console.open(output=settings.output)
    folder = open_model(reference or model)
    if gates:
        show_gates(console, folder, texts or [])
    elif near is not None:
        show_neighbours(console, folder, near)
    elif word is not None:
        return show_word(console, folder, word)
    elif show_command:
        line = shlex.join(folder.card.command)
        console.result(visible(line) if console.out.on_terminal else line)
    elif console.format == "json":
        console.json(_object(folder))
    elif console.format == "tsv":
        console.result(tsv(("layer", "shape", "parameters")))
        for name, _, shape, parameters in layers(folder.card.config):
            console.result(tsv((name.strip(), shape, parameters)))
    else:
        _screen(console, folder)
    return int(ExitCode.DONE)


def layers(config: ModelConfig) -> list[tuple[str, str, str, int]]:
    """(layer, what it does, shape, parameters), as `model.summary()` lists them, with each LSTM's four matrices."""
    shapes = config.shapes()
    rows, columns = shapes["embedding"]
    table = [("embedding", f"word → {columns} numbers", f"{rows:,} × {columns}", rows * columns)]
    for name, shape in shapes.items():
        if name.startswith("lstm.") and name.endswith(".kernel"):
            inputs, units = shape[0], config.units
            one = (inputs + units + 1) * units
            label = "lstm" if len(shapes) == 6 else name.removesuffix(".kernel")
            shown = f"({inputs} + {units} + 1) × {units}"
            table.append((label, "reads word by word", f"4 × {shown}", 4 * one))
            table += [(f"  {gate}", role, shown, one) for gate, role in MATRICES]
    inputs, outputs = shapes["head.kernel"]
    answer = f"P({visible(config.labels[1])})" if config.positive else "a probability a label"
    table.append(("dense", f"hidden state → {answer}", f"({inputs} + 1) × {outputs}", (inputs + 1) * outputs))
    return table


def _object(folder: "ModelFolder") -> dict[str, Any]:
    card = folder.card
    return {
        "schema": "lstmctl.summary/1",
        "model": folder.reference,
        "layers": [
            {"layer": name.strip(), "shape": shape, "parameters": parameters}
            for name, _, shape, parameters in layers(card.config)
        ],
        "parameters": card.config.parameters,
        "config": card.config.to_dict(),
        "data": card.data and card.data.to_dict(),
        "rows": card.rows,
        "training": card.training and card.training.to_dict(),
        "epoch": card.epoch,
        "created": card.created,
        "seconds": card.seconds,
        "versions": card.versions,
        "metrics": folder.metrics(),
    }


def _screen(console: Console, folder: "ModelFolder") -> None:
    card = folder.card
    config = card.config
    labels = ", ".join(map(visible, config.labels))
    positive = f" (positive: {visible(config.positive)})" if config.positive else ""
    end = "last" if config.cut == "start" else "first"
    console.show_facts("model", f"{folder.reference} · {folder.size / 1e6:.1f} MB")
    if card.data is None or card.training is None:
        console.show_facts("imported", f"{_when(card.created)} UTC · trained elsewhere")
    else:
        epoch = f"epoch {card.epoch} of {card.training.epochs}"
        console.show_facts("trained", f"{_when(card.created)} UTC · {card.seconds:.0f} s · {epoch}")
        console.show_facts("data", f"{visible(card.data.source)} · {card.rows.get('train', 0):,} training texts")
    console.show_facts("labels", f"{labels}{positive}")
    console.show_facts("reads", f"the {end} {config.max_len:,} words of a text")
    console.show_facts("accuracy", _accuracy(folder))
    if config.temperature != 1:
        console.show_facts("certainty", f"calibrated on validation texts, temperature {config.temperature:.2f}")
    console.show()
    rows: list[list[Span]] = []
    for name, role, shape, parameters in layers(config):
        inner = name.startswith("  ")
        rows.append([name, (role, "dim" if inner else ""), shape, (f"{parameters:,}", "dim" if inner else "")])
    rows.append([("total", "bold"), "", "", (f"{config.parameters:,}", "bold")])
    if console.width < 72:
        rows = [[row[0], *row[2:]] for row in rows]
        console.table(["layer", "shape", "parameters"], rows, right=[2])
    else:
        console.table(["layer", "what it does", "shape", "parameters"], rows, right=[3])


def _when(created: str) -> str:
    return visible(created[:16].replace("T", " "))


def _accuracy(folder: "ModelFolder") -> str:
    test = folder.metrics().get("test")
    if not test:
        return "not measured on a test part"
    accuracy = test["metrics"]["accuracy"]
    low, high = accuracy["low"], accuracy["high"]
    return f"{accuracy['value']:.3f} ({low:.3f} – {high:.3f}) on {accuracy['n']:,} test texts"


MOST_TEXTS = 50  # of the test part
GATES_COLUMNS = ("lstm", "matrix", "parameters", "share", "norm_word", "norm_hidden", "mean_bias", "half_life")


def show_gates(console: Console, folder: "ModelFolder", texts: Sequence[str]) -> None:
    """Sizes and norms; and the belt's half-life on `texts`, or on some of the model's own test part."""

    classifier = folder.classifier()
    matrices = _matrices(classifier)
    lives: dict[str, list[float]] = {}
    where = ""
    try:
        with console.waiting("reading texts"):
            if texts:
                where = "the text given" if len(texts) == 1 else f"the {len(texts)} texts given"
            else:
                texts, where = _own_texts(folder)
            lives, words = _half_lives(classifier, texts)
        where += f", {words:,} words"
    except LstmctlError as error:
        console.warn(f"no half-life of the belt: {error.message}", hint="--text TEXT measures it on a text")
    if console.format == "json":
        console.json(
            {
                "schema": "lstmctl.gates_summary/1",
                "model": folder.reference,
                "matrices": matrices,
                "half_life": {"texts": where, "words_by_unit": _finite(lives)} if lives else None,
            }
        )
    elif console.format == "tsv":
        console.result(tsv(GATES_COLUMNS))
        for row in matrices:
            life = _middle(lives[row["lstm"]], 0.5) if row["matrix"] == "forget gate" and lives else None
            numbers = (f"{value:.6f}" for name, value in row.items() if isinstance(value, float))
            console.result(
                tsv((row["lstm"], row["matrix"], row["parameters"], *numbers, None if life is None else f"{life:.3f}"))
            )
    else:
        _gates_screen(console, folder, matrices, lives, where)


def _matrices(classifier: "Classifier") -> list[dict[str, Any]]:
    """What there is to say in numbers about each matrix of each LSTM."""
    import numpy as np

    rows = []
    for number, layer in enumerate(classifier.layers):
        for direction, matrices in layer.items():
            for name, matrix in matrices._asdict().items():
                parameters = sum(part.size for part in matrix)
                rows.append(
                    {
                        "lstm": f"lstm.{number}.{direction}",
                        "matrix": name.replace("_", " ") + (" gate" if name != "candidate" else ""),
                        "inputs": matrix.kernel.shape[0],
                        "units": matrix.bias.size,
                        "parameters": parameters,
                        "share": parameters / classifier.config.parameters,
                        "norm_word": float(np.linalg.norm(matrix.kernel)),
                        "norm_hidden": float(np.linalg.norm(matrix.recurrent)),
                        "mean_bias": float(matrix.bias.mean()),
                    }
                )
    return rows


def _own_texts(folder: "ModelFolder") -> tuple[list[str], str]:
    """Texts spread over the test part, and what they are."""
    from lstmctl.evaluation.job import select_texts

    test = select_texts([folder], None, home=open_registry().home)
    step = -(-len(test.examples) // MOST_TEXTS)
    texts = [example.text for example in test.examples[::step]]
    return texts, f"{len(texts)} texts of {test.description}"


def _half_lives(classifier: "Classifier", texts: Sequence[str]) -> tuple[dict[str, list[float]], int]:
    """By LSTM the half-life of each unit, in words; and how many words were read."""
    import numpy as np

    from lstmctl.model.explanation import half_life, traces

    read = [classifier.encode(text) for text in texts]
    words = sum(len(encoded.words) for encoded in read)
    if not words:
        raise BadData("there is no word to read", hint="--text TEXT measures it on a text")
    found = [traces(classifier, encoded.ids, words=len(encoded.words)) for encoded in read]
    return {name: half_life(np.concatenate([each[name].forget for each in found])).tolist() for name in found[0]}, words


def _middle(values: Sequence[float], share: float) -> float:
    """The value that a share of the values lies below."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _gates_screen(
    console: Console,
    folder: "ModelFolder",
    matrices: list[dict[str, Any]],
    lives: dict[str, list[float]],
    where: str,
) -> None:
    console.show_facts("model", folder.reference)
    names = list(dict.fromkeys(row["lstm"] for row in matrices))
    for name in names:
        own = [row for row in matrices if row["lstm"] == name]
        console.show()
        if len(names) > 1:
            console.show((name, "bold"))
        rows: list[list[Span]] = [
            [
                row["matrix"],
                (f"{row['inputs']}×{row['units']} + {row['units']}×{row['units']} + {row['units']}", "dim"),
                f"{row['parameters']:,}",
                f"{row['share']:.1%}",
                *(
                    f"{round(row[key], 2) + 0.0:.2f}" for key in ("norm_word", "norm_hidden", "mean_bias")
                ),  # + 0: never -0.00
            ]
            for row in own
        ]
        total, share = sum(row["parameters"] for row in own), sum(row["share"] for row in own)
        rows.append([("four", "bold"), "", (f"{total:,}", "bold"), f"{share:.1%}", "", "", ""])
        header = ["matrix", "word + hidden + bias", "parameters", "share", "word", "hidden", "bias"]
        if console.width < 78:
            rows, header = [[row[0], *row[2:]] for row in rows], [header[0], *header[2:]]
        console.table(header, rows, right=range(len(header) - 5, len(header)))
    console.show()
    console.show(("share of the model; norms of the parts for word", "dim"))
    console.show(("and hidden state; mean of the bias", "dim"))
    for name, values in lives.items():
        low, middle, high = (_word_count(_middle(values, share)) for share in (0.25, 0.5, 0.75))
        label = "half-life" if len(lives) == 1 else f"half-life of {name}  "
        console.show()
        console.show((f"{label:<10}", "dim"), f"half of the belt is gone after {middle} words")
        console.show(" " * max(10, len(label)), f"the middle half of the units: {low} to {high} words")
        console.show(" " * max(10, len(label)), (visible(where), "dim"))


def _word_count(count: float) -> str:
    return f"{count:,.1f}" if count < 1e6 else "over a million"


def _finite(lives: dict[str, list[float]]) -> dict[str, list[float | None]]:
    """JSON has no infinity."""
    return {name: [value if math.isfinite(value) else None for value in values] for name, values in lives.items()}


NEIGHBOURS = 10


def show_word(console: Console, folder: "ModelFolder", text: str) -> int:
    """Whether the model knows a word, and how often its training texts had it. The exit code answers too."""
    vocabulary = folder.vocabulary()
    word = _one_word(text, option="--word")
    number = vocabulary.ids.get(word)
    rank = None if number is None else number - FIRST_WORD + 1
    count = None if number is None else vocabulary.counts[number - FIRST_WORD]
    if console.format == "json":
        answer = {"schema": "lstmctl.word/1", "model": folder.reference, "word": word}
        console.json({**answer, "known": rank is not None, "rank": rank, "count": count})
    elif console.format == "tsv":
        console.result(tsv(("word", "known", "rank", "count")))
        console.result(tsv((word, "no" if rank is None else "yes", rank, count)))
    elif rank is None:
        close = _alike(word, vocabulary)
        console.show((visible(word), "bold"), f"  unknown to {folder.reference}")
        if close:
            console.show_facts("", f"it knows {close}")
    else:
        console.show((visible(word), "bold"), f"  known to {folder.reference}")
        console.show_facts("", _frequency(rank, count or 0))
    return int(ExitCode.NO if rank is None else ExitCode.DONE)


def show_neighbours(console: Console, folder: "ModelFolder", text: str) -> None:
    """The words that lie nearest to a word in the embedding.

    Raises:
        NotFound: the model does not know the word.
    """
    from lstmctl.model.explanation import nearest_words

    vocabulary = folder.vocabulary()
    word = _one_word(text, option="--near")
    if word not in vocabulary.ids:
        close = _alike(word, vocabulary)
        raise NotFound(
            f'{folder.reference} does not know the word "{word}"',
            hint=f"it knows {close}" if close else "try another word",
        )
    found = [
        (vocabulary.words[number - FIRST_WORD], cosine, vocabulary.counts[number - FIRST_WORD])
        for number, cosine in nearest_words(folder.weights()["embedding"], vocabulary.ids[word], NEIGHBOURS)
    ]
    if console.format == "json":
        neighbours = [{"word": other, "cosine": cosine, "count": count} for other, cosine, count in found]
        answer = {"schema": "lstmctl.neighbours/1", "model": folder.reference, "word": word}
        console.json({**answer, "neighbours": neighbours})
    elif console.format == "tsv":
        console.result(tsv(("word", "cosine", "count")))
        for other, cosine, count in found:
            console.result(tsv((other, f"{cosine:.6f}", count)))
    else:
        console.show((visible(word), "bold"), f" · nearest in the embedding of {folder.reference}")
        console.show()
        rows: list[list[Span]] = [[visible(other), f"{cosine:.2f}", f"{count:,}"] for other, cosine, count in found]
        console.table(["word", "cosine", "in training texts"], rows, right=[1, 2])


def _one_word(text: str, *, option: str) -> str:
    """The word as the model reads it."""
    from lstmctl.model.text import tokenize

    words = tokenize(text)
    if len(words) != 1:
        raise UsageError(f'{option} takes one word; "{text}" is {len(words) or "none"}')
    return words[0]


def _alike(word: str, vocabulary: "Vocabulary") -> str:
    """Known words that are written much like it."""
    from difflib import get_close_matches

    return ", ".join(visible(other) for other in get_close_matches(word, vocabulary.words, n=3, cutoff=0.75))


def _frequency(rank: int, count: int) -> str:
    """Imported models know the order of their words, but not always how often they came."""
    return f"number {rank:,} by frequency" + (f" · {count:,} times in its training texts" if count else "")
