"""`lstmctl train`: fit, checkpoint, register. Prints the model's reference, alone, on stdout."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import (
    DATA,
    RenameLabel,
    complete_data,
    complete_recipe,
    complete_run,
    parse_duration,
    parse_renames,
    settings,
)
from lstmctl.cli.registry_access import open_model
from lstmctl.errors import UsageError

NAME = "train"
EXAMPLES = """
Examples:
  lstmctl train --epochs 3
  lstmctl train --data reviews.csv --text-column review --label-column stars
  lstmctl train --recipe accurate --unlabelled more.jsonl.gz
  lstmctl train --recipe classic
  lstmctl train --dry-run > mine.toml && lstmctl train --recipe mine.toml
  lstmctl train --resume                 go on with a run that was stopped
  model=$(lstmctl train -q --data reviews.csv) && lstmctl evaluate "$model"
"""
MODEL, FIT, RUN = "Model", "Fit", "Run"


def option(
    flags: str,
    metavar: str,
    about: str,
    panel: str,
    *,
    shown: str | None = None,
    complete: Callable[[str], list[tuple[str, str]]] | None = None,
) -> Any:
    """An option that is None unless it was given: what it then means depends on the recipe, or on the run to resume.
    `shown` is what the help says of that.
    """
    return typer.Option(
        *flags.split(),
        metavar=metavar,
        help=f"{about} Default: {shown}." if shown is not None else about,
        rich_help_panel=panel,
        autocompletion=complete,
    )


def command(
    source: Annotated[
        str | None,
        option(
            "--data",
            "NAME|FILE|DIR",
            "A data set (lstmctl data list), a file, a quoted pattern, or a folder.",
            DATA,
            shown="imdb",
            complete=complete_data,
        ),
    ] = None,
    text_column: Annotated[
        str | None, option("--text-column", "NAME", "Column with the text.", DATA, shown="text")
    ] = None,
    label_column: Annotated[
        str | None, option("--label-column", "NAME", "Column with the label.", DATA, shown="label")
    ] = None,
    group_column: Annotated[
        str | None, option("--group-column", "NAME", "Rows with one value here stay together.", DATA)
    ] = None,
    val_source: Annotated[str | None, option("--val-data", "FILE", "Validate on this.", DATA)] = None,
    test_source: Annotated[str | None, option("--test-data", "FILE", "Keep this aside for evaluate.", DATA)] = None,
    unlabelled: Annotated[
        str | None,
        option("--unlabelled", "FILE", "Learn from these texts too which words are alike.", DATA),
    ] = None,
    val_split: Annotated[
        float | None, option("--val-split", "SHARE", "Of what the test part leaves.", DATA, shown="0.2")
    ] = None,
    test_split: Annotated[
        float | None, option("--test-split", "SHARE", "Kept aside for evaluate.", DATA, shown="0.1")
    ] = None,
    split_seed: Annotated[
        int | None, option("--split-seed", "N", "Which texts are kept aside: another N, others.", DATA, shown="0")
    ] = None,
    limit: Annotated[int | None, option("--limit", "N", "At most N texts a part: a trial.", DATA)] = None,
    positive: Annotated[
        str | None,
        option(
            "--positive",
            "LABEL",
            "Of two labels, the one that probabilities speak of.",
            DATA,
            shown="the last in sorted order",
        ),
    ] = None,
    rename_label: RenameLabel = None,
    recipe: Annotated[
        str | None,
        option(
            "--recipe",
            "NAME|FILE.toml",
            "Settings under a name: standard, accurate, classic, or your own.",
            MODEL,
            shown="standard",
            complete=complete_recipe,
        ),
    ] = None,
    vocab_size: Annotated[
        int | None, option("--vocab-size", "N", "Words to learn, the most frequent.", MODEL, shown="10000")
    ] = None,
    max_len: Annotated[
        int | None, option("--max-len", "N", "Words read of a text, the last ones.", MODEL, shown="500")
    ] = None,
    embedding_dim: Annotated[
        int | None, option("--embedding-dim", "N", "Numbers that stand for a word.", MODEL, shown="32")
    ] = None,
    units: Annotated[int | None, option("--units", "N", "Places on the LSTM's belt.", MODEL, shown="32")] = None,
    dropout: Annotated[
        float | None, option("--dropout", "SHARE", "Hidden of each word while training.", MODEL, shown="0.2")
    ] = None,
    epochs: Annotated[
        int | None, option("-e --epochs", "N", "Times to read all training texts.", FIT, shown="3, more for small data")
    ] = None,
    batch_size: Annotated[int | None, option("-b --batch-size", "N", "Texts a step.", FIT, shown="32")] = None,
    learning_rate: Annotated[
        float | None, option("--lr", "RATE", "Learning rate at its peak.", FIT, shown="0.001")
    ] = None,
    class_weight: Annotated[
        Literal["none", "balanced"] | None,
        option(
            "--class-weight",
            "none|balanced",
            "balanced: rare labels count as much as frequent ones.",
            FIT,
            shown="none",
        ),
    ] = None,
    early_stopping: Annotated[
        int | None, option("--early-stopping", "N", "End after N epochs that did not get better.", FIT)
    ] = None,
    time_limit: Annotated[
        str | None, option("--time-limit", "TIME", "End after 90s, 10m or 2h; the best epoch is kept.", FIT)
    ] = None,
    seed: Annotated[int | None, option("--seed", "N", "Of weights, order and dropout.", FIT, shown="0")] = None,
    threads: Annotated[
        int | None, option("--threads", "N", "Threads to compute with.", FIT, shown="one a core")
    ] = None,
    name: Annotated[str | None, option("--name", "NAME", "The model's name.", RUN, shown="from the data")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest run that was stopped.", rich_help_panel=RUN)
    ] = False,
    run: Annotated[
        str | None,
        option("--run", "ID", "With --resume: that run (lstmctl models list --runs).", RUN, complete=complete_run),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the settings and what they cost; train nothing.", rich_help_panel=RUN),
    ] = False,
) -> None:
    """Train a classifier and register it.

    It is measured on texts that were kept aside.

    Prints the new model's reference, such as imdb@1, on stdout; everything else goes to stderr.
    """
    from lstmctl.cli.train.job import new_job, resumed_job, run_training, show_plan
    from lstmctl.data.sources import resolve_source

    said = {
        "source": resolve_source(source) if source is not None else None,
        "text_column": text_column,
        "label_column": label_column,
        "group_column": group_column,
        "val_source": resolve_source(val_source) if val_source is not None else None,
        "test_source": resolve_source(test_source) if test_source is not None else None,
        "unlabelled": resolve_source(unlabelled) if unlabelled is not None else None,
        "val_split": val_split,
        "test_split": test_split,
        "split_seed": split_seed,
        "limit": limit,
        "rename_label": parse_renames(rename_label) or None,
        "vocab_size": vocab_size,
        "max_len": max_len,
        "embedding_dim": embedding_dim,
        "units": units,
        "dropout": dropout,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "class_weight": class_weight,
        "early_stopping": early_stopping,
        "time_limit": parse_duration("--time-limit", time_limit),
        "seed": seed,
        "threads": threads,
    }
    said = {setting: value for setting, value in said.items() if value is not None}
    if run is not None and not resume:
        raise UsageError("--run goes with --resume", hint=f"lstmctl train --resume --run {run}")
    if resume and dry_run:
        raise UsageError("--dry-run does not go with --resume", hint="lstmctl models list --runs shows what there is")
    console = Console.open(output=settings.output)
    if dry_run:
        show_plan(console, new_job(said, recipe=recipe, name=name, positive=positive))
        return
    if resume:
        job = resumed_job(said, recipe=recipe, name=name, positive=positive, run=run)
    else:
        job = new_job(said, recipe=recipe, name=name, positive=positive)
    reference = run_training(console, job)
    if console.format == "json":
        console.json(open_model(reference).describe())
    else:
        console.result(reference)
