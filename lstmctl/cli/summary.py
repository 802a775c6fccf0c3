"""`lstmctl summary`: what is in a model. Reads its JSON; only the looks inside read weights and words."""

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.lines import Piece, tsv, visible
from lstmctl.cli.options import MODEL_HELP, Model, complete_model, settings
from lstmctl.cli.session import open_model
from lstmctl.cli.summary_gates import show_gates
from lstmctl.cli.summary_words import show_neighbours, show_word
from lstmctl.config import ModelConfig
from lstmctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lstmctl.registry.model_folder import ModelFolder

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
    console = Console.open(settings)
    folder = open_model(reference or model)
    if gates:
        show_gates(console, folder, texts or [])
    elif near is not None:
        show_neighbours(console, folder, near)
    elif word is not None:
        return show_word(console, folder, word)
    elif show_command:
        line = shlex.join(folder.card.command)
        console.result(visible(line) if console.on_terminal else line)
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
    rows: list[list[Piece]] = []
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
