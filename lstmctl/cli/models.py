"""`lstmctl models`: the registry."""

import math
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lstmctl.cli.console import Answer, Console
from lstmctl.cli.options import Command, complete_model, open_model, open_registry, option
from lstmctl.cli.outputs import ENDINGS, PICTURES, ending
from lstmctl.errors import LstmctlError, Rejected, UsageError
from lstmctl.plots.text import Span, visible

if TYPE_CHECKING:
    from lstmctl.interchange.small import SmallModel
    from lstmctl.registry.artifact import ModelFolder
    from lstmctl.registry.listing import Entry
    from lstmctl.registry.runs import UnfinishedRun

HELP = "List, tag, verify, remove, restore and share models."
app = typer.Typer(name="models", help=HELP, no_args_is_help=True, rich_markup_mode=None)

LIST_EXAMPLES = """
Examples:
  lstmctl models list
  lstmctl models list --sort accuracy --min accuracy=0.85
  lstmctl models list --tag prod
  lstmctl models list --runs            unfinished training runs
  lstmctl models list --json | jq -r .model
"""
REMOVE_EXAMPLES = """
Examples:
  lstmctl models rm imdb@3
  lstmctl models rm imdb --all
  lstmctl models restore imdb@3         undo
"""
TAG_EXAMPLES = """
Examples:
  lstmctl models tag imdb@3 prod        imdb@prod now means imdb@3
  lstmctl predict -m imdb@prod "great movie"
  lstmctl models untag imdb@prod
"""
PRUNE_EXAMPLES = """
Examples:
  lstmctl models prune                  all removed models
  lstmctl models prune imdb
"""
VERIFY_EXAMPLES = """
Examples:
  lstmctl models verify                 every model, every byte
  lstmctl models verify imdb@3 ./downloaded/model
"""
EXPORT_EXAMPLES = """
Examples:
  lstmctl models export imdb@3 -o imdb.lstmctl
  lstmctl models import imdb.lstmctl
  lstmctl models export imdb@3 --to keras -o imdb.keras
  lstmctl models export imdb@3 --to onnx -o imdb.onnx
  lstmctl models export imdb@3 --to html -o imdb.html
  lstmctl models export imdb | ssh elsewhere lstmctl models import - --name imdb
"""
IMPORT_EXAMPLES = """
Examples:
  lstmctl models import imdb.lstmctl
  lstmctl models import post.keras --vocab keras-imdb
  lstmctl models import mine.keras --vocab words.txt --label ham --label spam
"""

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="The model, such as name@3.", autocompletion=complete_model)
]


@app.command("list", cls=Command, epilog=LIST_EXAMPLES)
def list_command(
    runs: Annotated[bool, option("--runs", "List unfinished training runs instead.")] = False,
    sort: Annotated[
        str, option("--sort BY", "created, name, bytes, parameters, or a metric such as accuracy.")
    ] = "created",
    tag: Annotated[str | None, option("--tag TAG", "Only models with this tag.")] = None,
    minimums: Annotated[
        list[str] | None, option("--min METRIC=X", "Only models with at least this value; repeat for more.")
    ] = None,
) -> None:
    """List the models, newest first, or the unfinished training runs."""
    from lstmctl.registry.listing import select_entries
    from lstmctl.registry.runs import unfinished_runs

    console = Console.open()
    registry = open_registry()
    if runs:
        console.answer(runs_answer(unfinished_runs(registry.home)))
        return
    entries = registry.entries()
    for entry in entries:
        if entry.error is not None:
            console.warn(entry.error.message, hint=entry.error.hint)
    parsed = [parse_minimum(text) for text in minimums or ()]
    selected = select_entries(entries, sort=sort, tag=tag, minimums=parsed)
    console.answer(models_answer(selected, filtered=tag is not None or bool(parsed)))


@app.command("rm", cls=Command, epilog=REMOVE_EXAMPLES)
def remove_command(
    model: Model, all_versions: Annotated[bool, option("--all", "Remove all versions of the name.")] = False
) -> None:
    """Remove a model; restore brings it back."""
    console = Console.open()
    for reference in open_registry().remove(model, all_versions=all_versions):
        console.result(reference)
        console.note((f"undo: lstmctl models restore {reference}", "dim"))


@app.command("restore", cls=Command, epilog=REMOVE_EXAMPLES)
def restore_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The removed model, as name@3.")],
) -> None:
    """Bring back a removed model."""
    Console.open().result(open_registry().restore(model))


@app.command("tag", cls=Command, epilog=TAG_EXAMPLES)
def tag_command(model: Model, tag: Annotated[str, typer.Argument(metavar="TAG", help="The tag, a word.")]) -> None:
    """Give a model a second name, such as imdb@prod.

    A tag that is already in use moves to this model.
    """
    Console.open().result(open_registry().tag(model, tag))


@app.command("untag", cls=Command, epilog=TAG_EXAMPLES)
def untag_command(
    model: Annotated[
        str, typer.Argument(metavar="NAME@TAG", help="The tag, as name@tag.", autocompletion=complete_model)
    ],
) -> None:
    """Remove a tag; the model stays."""
    console = Console.open()
    reference = open_registry().untag(model)
    console.result(reference)
    console.note((f"undo: lstmctl models tag {reference} {model.partition('@')[2]}", "dim"))


@app.command("prune", cls=Command, epilog=PRUNE_EXAMPLES)
def prune_command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only models with this name.")] = None,
) -> None:
    """Delete removed models permanently. This cannot be undone."""
    console = Console.open()
    pruned = open_registry().prune(name)
    for reference in pruned:
        console.result(reference)
    if not pruned:
        console.note("no removed models")


@app.command("verify", cls=Command, epilog=VERIFY_EXAMPLES)
def verify_command(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="The models. Default: all.", autocompletion=complete_model),
    ] = None,
) -> None:
    """Check that the files of models are not damaged."""
    console = Console.open()
    errors: list[Rejected | None] = []

    def rows() -> Iterator[tuple[str, str]]:
        """Each model and its state. Errors are shown as they are found."""
        for model, error in open_registry().verify(models):
            errors.append(error)
            if error is not None:
                console.error(error.message, hint=error.hint)
            yield model, "ok" if error is None else "broken"

    schema = "lstmctl.verification/1"
    objects = ({"schema": schema, "model": model, "state": state} for model, state in rows())

    def screen(console: Console) -> None:
        for model, state in rows():  # each as soon as it is checked
            console.show(f"{state:<6}  ", (visible(model), "bold"))

    console.answer(Answer(objects=objects, rows=rows(), screen=screen))
    if not errors:
        console.note("there are no models to verify")
    if broken := len(errors) - errors.count(None):
        raise Rejected(f"{broken} of {len(errors)} cannot be used", hint="lstmctl models rm MODEL removes a model")


@app.command("export", cls=Command, epilog=EXPORT_EXAMPLES)
def export_command(
    model: Model,
    to: Annotated[
        Literal["lstmctl", "keras", "onnx", "html"] | None,
        option(
            "--to KIND",
            "lstmctl, keras (needs TensorFlow), onnx (needs lstmctl[onnx]) or html (for a browser).",
            default="by the ending of -o, else lstmctl",
        ),
    ] = None,
    examples: Annotated[
        list[str] | None, option("--example TEXT", "With --to html: a text to start with; repeat for more.")
    ] = None,
    small: Annotated[bool, option("--small", "With --to html: a third of the size; says what that costs.")] = False,
) -> None:
    """Write a model to a single file.

    For models import on another machine, for Keras, for an ONNX runtime, or as a page that shows how it reads.
    """
    console = Console.open(endings=None)
    kind = _export_kind(to, console.output)
    if (examples or small) and kind != "html":
        raise UsageError(f"{'--example' if examples else '--small'} needs --to html")
    folder = open_model(model)
    if console.output is None and console.out.on_terminal:
        name = folder.reference.rstrip("/").rpartition("/")[2].replace("@", "-")
        raise UsageError(
            "export writes a file, which -o names",
            hint=f"lstmctl models export {shlex.quote(model)} --to {kind} -o {shlex.quote(f'{name}.{kind}')}",
        )
    if kind == "keras":
        from lstmctl.training.framework import BackgroundImport

        BackgroundImport().wait()
        from lstmctl.training.network import to_keras

        console.write_bytes(to_keras(folder))
    elif kind == "html":
        from lstmctl.interchange.html import build_page

        made = _make_small(console, folder) if small else None
        console.write_bytes(build_page(folder, small=made, examples=examples or ()))
    else:
        from lstmctl.interchange.model_files import export_model

        console.write_bytes(export_model(folder, kind))


Kind = Literal["lstmctl", "keras", "onnx", "html"]
_KINDS: tuple[Kind, ...] = ("lstmctl", "keras", "onnx", "html")


def _export_kind(to: Kind | None, output: str | None) -> Kind:
    """What --to asks for, or the ending of -o. UsageError: they contradict each other, or nothing has that ending."""
    suffix = ending(output)[1:]
    if to is None and suffix and f".{suffix}" in (*ENDINGS, *PICTURES):
        message = f"-o {output}: a model cannot be written as .{suffix}"
        raise UsageError(message, hint="possible endings: " + " ".join(f".{kind}" for kind in _KINDS))
    if to is not None and suffix in _KINDS and suffix != to:
        raise UsageError(f"--to {to} contradicts -o {output}", hint=f"leave out --to, or end the name in .{to}")
    if to is not None:
        return to
    return next((kind for kind in _KINDS if kind == suffix), "lstmctl")


def _make_small(console: Console, folder: "ModelFolder") -> "SmallModel":
    """The small form of a model, after a note on what it costs: for its own test part, if that can be read."""
    from lstmctl.evaluation.selection import Choice, select_texts
    from lstmctl.interchange.html import make_small_for
    from lstmctl.interchange.small import NEUTRAL, measure_loss

    with console.waiting("comparing predictions"):
        small = make_small_for(folder)
        try:
            examples, description, *_ = select_texts([folder], Choice(), home=open_registry().home)
            texts, name = [example.text for example in examples], f"texts of {description}"
        except LstmctlError as error:
            console.warn(f"the small model is compared with the full one on made-up sentences: {error.message}")
            texts, name = list(NEUTRAL), "made-up sentences"
        loss = measure_loss(folder.classifier(), small.classifier(folder.vocabulary()), texts)
    console.note(loss.describe(name))
    return small


@app.command("import", cls=Command, epilog=IMPORT_EXAMPLES)
def import_command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file from models export, or a .keras file.")],
    name: Annotated[str | None, option("--name NAME", "The model's name.", default="from the file")] = None,
    vocab: Annotated[
        str | None, option("--vocab FILE", "Vocabulary of a .keras file; keras-imdb: Keras's word index.")
    ] = None,
    max_len: Annotated[int | None, option("--max-len N", "Words that a .keras model pads texts to.")] = None,
    label: Annotated[
        list[str] | None, option("--label LABEL", "A label of a .keras file; repeat, in the model's order.")
    ] = None,
) -> None:
    """Register a model from a file.

    Its content is checked and never run.
    """
    from lstmctl.interchange.model_files import default_name, import_file

    console = Console.open()
    registry = open_registry()
    name = name if name is not None else default_name(file)
    registry.next_reference(name)  # rejects an invalid name before the file is read
    model = import_file(file, vocab=vocab, max_len=max_len, labels=label or (), home=registry.home)
    for note in model.notes:
        console.note(note)
    console.result(registry.register(name, model.files, imported=True))


_COLUMNS = ("model", "tags", "data", "accuracy", "low", "high", "n", "epoch", "parameters", "bytes", "created")


def parse_minimum(text: str) -> tuple[str, float]:
    """`METRIC=X` as a pair. Raises UsageError if it has another form."""
    metric, equals, number = text.partition("=")
    try:
        minimum = float(number) if metric and equals else math.nan
    except ValueError:
        minimum = math.nan
    if not math.isfinite(minimum):
        raise UsageError(f'--min "{text:.60}" is not METRIC=X', hint="--min accuracy=0.85")
    return metric, minimum


def models_answer(entries: "Sequence[Entry]", *, filtered: bool) -> Answer:
    """The models of readable entries; `filtered` if there may be others."""
    from lstmctl.registry.listing import NO_MODELS

    models = [entry.folder.describe(tags=entry.tags) for entry in entries if entry.folder is not None]

    def screen(console: Console) -> None:
        if models:
            _show_models(console, models)
        elif filtered:
            console.note("no such models")
        else:
            console.note(f"no models in {visible(str(open_registry().home))}")
            console.hint(NO_MODELS)

    rows = ([",".join(model[name]) if name == "tags" else model[name] for name in _COLUMNS] for model in models)
    return Answer(objects=models, rows=[_COLUMNS, *rows], screen=screen)


def _show_models(console: Console, models: list[dict[str, Any]]) -> None:
    wide = console.out.width >= 72
    rows: list[list[Span]] = []
    for model in models:
        score = "not measured"
        if model["accuracy"] is not None:
            score = f"{model['accuracy']:.3f} ±{(model['high'] - model['low']) / 2:.3f}"
        row: list[Span] = [(model["model"], "bold"), " ".join(model["tags"]), score]
        if wide:
            data = visible(str(model["data"] or "imported").rsplit("/", 1)[-1])
            row += [data, visible(model["created"][:16].replace("T", " "))]
        rows.append([*row, f"{model['bytes'] / 1e6:.1f} MB"])
    header = ["model", "tags", "test accuracy", *(["data", "trained (UTC)"] if wide else []), "size"]
    console.table(header, rows, right=[len(header) - 1])
    total = sum(model["bytes"] for model in models) / 1e6
    count = f"{len(models)} model" + ("s" if len(models) > 1 else "")
    usage = "All are trial models; name one with -m."
    with suppress(LstmctlError):
        usage = f"Default model: {open_model(None).reference}."
    console.note((f"{count}, {total:.1f} MB. {usage}", "dim"))


def runs_answer(runs: "Sequence[UnfinishedRun]") -> Answer:
    """The unfinished training runs."""
    columns = ("run", "name", "step", "live", "checkpoint")
    values = [(run.run_id, run.name, run.step, run.live, run.checkpoint and str(run.checkpoint)) for run in runs]
    objects = [{"schema": "lstmctl.run/1", **dict(zip(columns, row, strict=True))} for row in values]
    rows = [(*row[:3], str(row[3]).lower(), row[4]) for row in values]

    def screen(console: Console) -> None:
        if not runs:
            console.note("no unfinished runs")
            return
        table: list[list[Span]] = [
            [run.run_id, run.name, f"{run.step or 0:,}", "training now" if run.live else "stopped"] for run in runs
        ]
        console.table(["run", "name", "step", "state"], table, right=[2])
        if stopped := next((run for run in runs if not run.live), None):
            console.hint(f"lstmctl train --resume --run {stopped.run_id}")
            if stopped.checkpoint:
                console.hint(f'lstmctl predict -m {stopped.checkpoint}/ "great movie"')

    return Answer(objects=objects, rows=[columns, *rows], screen=screen)
