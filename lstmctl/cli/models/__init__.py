"""`lstmctl models`: the registry."""

from typing import Annotated, Literal

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.models.lists import SORTS, choose, parse_least, show_models, show_runs
from lstmctl.cli.options import Command, complete_model, settings
from lstmctl.cli.registry_access import describe, open_registry
from lstmctl.errors import LstmctlError, Rejected, UsageError
from lstmctl.plots.text import tsv

app = typer.Typer(
    name="models",
    help="List, tag, verify, remove, restore and share models.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

LIST_EXAMPLES = """
Examples:
  lstmctl models list
  lstmctl models list --sort accuracy --min accuracy=0.85
  lstmctl models list --tag prod
  lstmctl models list --runs            unfinished training runs instead
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
  lstmctl models prune                  everything that rm put aside
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
  lstmctl models export imdb | ssh elsewhere lstmctl models import - --name imdb
"""
IMPORT_EXAMPLES = """
Examples:
  lstmctl models import imdb.lstmctl
  lstmctl models import post.keras --vocab keras-imdb
  lstmctl models import mine.keras --vocab words.txt --label ham --label spam
"""

Reference = Annotated[str, typer.Argument(metavar="MODEL", help="Which one, as name@3.", autocompletion=complete_model)]
All = Annotated[bool, typer.Option("--all", help="Every version of the name.")]


@app.command("list", cls=Command, epilog=LIST_EXAMPLES)
def list_command(
    runs: Annotated[bool, typer.Option("--runs", help="Show unfinished training runs instead.")] = False,
    sort: Annotated[
        str, typer.Option("--sort", metavar="BY", help=f"{', '.join(SORTS)} or a metric, such as accuracy.")
    ] = "created",
    tag: Annotated[str | None, typer.Option("--tag", metavar="TAG", help="Only models with this tag.")] = None,
    least: Annotated[
        list[str] | None,
        typer.Option("--min", metavar="METRIC=X", help="Only models with at least that; repeat for more."),
    ] = None,
) -> None:
    """List the models, newest first, or the unfinished training runs."""
    console = Console.open(output=settings.output)
    registry = open_registry()
    if runs:
        show_runs(console)
        return
    entries = registry.entries()
    for entry in entries:
        if entry.error is not None:
            console.warn(entry.error.message, hint=entry.error.hint)
    entries = choose(entries, sort=sort, tag=tag, least=[parse_least(each) for each in least or ()])
    described = [describe(entry.folder, tags=entry.tags) for entry in entries if entry.folder is not None]
    show_models(console, described, filtered=tag is not None or bool(least))


@app.command("rm", cls=Command, epilog=REMOVE_EXAMPLES)
def remove_command(model: Reference, every: All = False) -> None:
    """Remove a model; restore brings it back."""
    console = Console.open(output=settings.output)
    for reference in open_registry().remove(model, every=every):
        console.result(reference)
        console.note((f"undo: lstmctl models restore {reference}", "dim"))


@app.command("restore", cls=Command, epilog=REMOVE_EXAMPLES)
def restore_command(model: Annotated[str, typer.Argument(metavar="MODEL", help="Which one, as name@3.")]) -> None:
    """Bring back a model that was removed."""
    console = Console.open(output=settings.output)
    console.result(open_registry().restore(model))


@app.command("tag", cls=Command, epilog=TAG_EXAMPLES)
def tag_command(model: Reference, tag: Annotated[str, typer.Argument(metavar="TAG", help="A word.")]) -> None:
    """Give a model a second name, such as imdb@prod.

    A tag that is in use moves.
    """
    Console.open(output=settings.output).result(open_registry().tag(model, tag))


@app.command("untag", cls=Command, epilog=TAG_EXAMPLES)
def untag_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME@TAG",
            help="Which one, as name@tag.",
            autocompletion=complete_model,
        ),
    ],
) -> None:
    """Take a tag away; the model stays."""
    console = Console.open(output=settings.output)
    meant = open_registry().untag(model)
    console.result(meant)
    console.note((f"undo: lstmctl models tag {meant} {model.partition('@')[2]}", "dim"))


@app.command("prune", cls=Command, epilog=PRUNE_EXAMPLES)
def prune_command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only models of that name.")] = None,
) -> None:
    """Remove for good what rm put aside. It cannot be undone."""
    console = Console.open(output=settings.output)
    pruned = open_registry().prune(name)
    for reference in pruned:
        console.result(reference)
    if not pruned:
        console.note("nothing was put aside")


@app.command("verify", cls=Command, epilog=VERIFY_EXAMPLES)
def verify_command(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Without one: all.", autocompletion=complete_model),
    ] = None,
) -> None:
    """Read every byte of models and check it."""
    console = Console.open(output=settings.output)
    registry = open_registry()
    broken: list[LstmctlError] = []
    references = models or [entry.reference for entry in registry.entries()]
    if not references:
        console.note("there are no models to verify")
    for reference in references:
        try:
            registry.resolve(reference).verify()
            state = "ok"
        except Rejected as error:
            console.error(error.message, hint=error.hint)
            broken.append(error)
            state = "broken"
        if console.format == "json":
            console.json({"schema": "lstmctl.verification/1", "model": reference, "state": state})
        else:
            console.result(tsv((reference, state)))
    if broken:
        raise Rejected(
            f"{len(broken)} of {len(references)} cannot be used", hint="lstmctl models rm puts a model aside"
        )


@app.command("export", cls=Command, epilog=EXPORT_EXAMPLES)
def export_command(
    model: Reference,
    to: Annotated[
        Literal["lstmctl", "keras", "onnx"],
        typer.Option("--to", metavar="KIND", help="lstmctl, keras (needs TensorFlow) or onnx (needs the extra)."),
    ] = "lstmctl",
) -> None:
    """Write a model as one file.

    For models import on another machine, for Keras, or for an ONNX runtime.
    """
    console = Console.open(output=settings.output)
    folder = open_registry().resolve(model)
    if settings.output is None and console.out.on_terminal:
        name = folder.reference.rstrip("/").rpartition("/")[2].replace("@", "-")
        raise UsageError("export writes bytes", hint=f"lstmctl models export {model} --to {to} -o {name}.{to}")
    from lstmctl.cli.models.files import exported

    console.write_bytes(exported(folder, to))


@app.command("import", cls=Command, epilog=IMPORT_EXAMPLES)
def import_command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What models export wrote, or a .keras file.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The model's name.", show_default="from the file")
    ] = None,
    vocab: Annotated[
        str | None,
        typer.Option("--vocab", metavar="FILE", help="The words of a .keras file's ids; keras-imdb: those of Keras."),
    ] = None,
    max_len: Annotated[
        int | None,
        typer.Option("--max-len", metavar="N", help="To how many words a .keras file's script padded texts."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="LABEL", help="A label of a .keras file's answers; repeat, in their order."),
    ] = None,
) -> None:
    """Register a model from a file.

    All in it is checked, and nothing in it is ever run.
    """
    from lstmctl.cli.models import files
    from lstmctl.interchange import archive

    console = Console.open(output=settings.output)
    registry = open_registry()
    name = name if name is not None else archive.name_from(file)
    registry.next_reference(name)  # can there be a model of that name?
    model_files = files.imported(console, file, vocab=vocab, max_len=max_len, labels=label or ())
    console.result(registry.register(name, model_files))
