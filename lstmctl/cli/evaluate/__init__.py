"""`lstmctl evaluate`: metrics with error bars, on texts the model has not seen."""

from typing import Annotated, Literal

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import (
    DATA,
    MODEL_HELP,
    Engine,
    Jobs,
    LabelColumn,
    Model,
    RayAddress,
    RenameLabel,
    TextColumn,
    complete_data,
    complete_model,
    parse_renames,
    settings,
)
from lstmctl.cli.registry_access import named_models, open_model, open_registry
from lstmctl.config import DataConfig
from lstmctl.errors import ExitCode, UsageError
from lstmctl.evaluation.labelled_texts import check_labels, common_part, other_data, own_part
from lstmctl.scoring import open_pool

NAME = "evaluate"
EXAMPLES = """
Examples:
  lstmctl evaluate                              the newest model on its own test part
  lstmctl evaluate imdb@1 --data rotten-tomatoes
  lstmctl evaluate shop --data new.csv --label-column stars --json
  lstmctl evaluate imdb@1 imdb@2                two models on the same texts
  lstmctl evaluate --by length --worst 5
  lstmctl evaluate --fail-under accuracy=0.85,low
"""


def command(
    references: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help=MODEL_HELP, autocompletion=complete_model)
    ] = None,
    model: Model = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="NAME|FILE|DIR",
            help="Other labelled texts.",
            show_default="the part that the model's own data kept aside",
            rich_help_panel=DATA,
            autocompletion=complete_data,
        ),
    ] = None,
    part: Annotated[
        Literal["test", "val"],
        typer.Option("--part", metavar="test|val", help="Which part of the model's own data.", rich_help_panel=DATA),
    ] = "test",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    rename_label: RenameLabel = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            "--threshold",
            metavar="P|auto:f1",
            help="Answer the positive label from this probability on; auto:f1 takes the one with the best F1 on the "
            "model's validation part.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="length|unknown|COLUMN", help="Also measure slices of the texts."),
    ] = None,
    worst: Annotated[
        int, typer.Option("--worst", metavar="N", help="Show the N most confident mistakes; in TSV nothing else.")
    ] = 0,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-under",
            metavar="METRIC=X[,low]",
            help="End with 1 if the metric, or with ,low the lower end of its interval, is below X.",
        ),
    ] = None,
    jobs: Jobs = None,
    engine: Engine = "local",
    ray_address: RayAddress = None,
) -> int:
    """Measure models on texts they have not seen, or compare them."""
    from lstmctl.cli.evaluate.limits import missed, parse_limits, parse_threshold
    from lstmctl.cli.evaluate.report import report
    from lstmctl.evaluation.job import measure_model

    limits = parse_limits(fail_under or [])
    if worst < 0:
        raise UsageError(f"--worst must be 0 or more, not {worst}")
    console = Console.open(output=settings.output)
    home = open_registry().home
    folders = [open_model(name) for name in named_models(references, model)]
    chosen = [parse_threshold(threshold, folder, part=part if source is None else None) for folder in folders]
    config = DataConfig(
        source=source or "",
        text_column=text_column,
        label_column=label_column,
        rename_label=parse_renames(rename_label),
    )
    with console.waiting("reading the texts"):
        other = other_data(config, own_sha256=folders[0].card.data_sha256, home=home) if source is not None else None
        if other is None:
            common_part(folders)
            config = folders[0].card.data or config
            chosen = [
                parse_threshold(threshold, folder, part=part) for folder in folders
            ]  # it is the own part after all
        examples, what = other or own_part(folders[0], part=part, home=home)
        for folder in folders:
            check_labels(examples, folder.card.config.labels, reference=folder.reference)
    measured = []
    with open_pool(engine, address=ray_address, jobs=jobs) as each:
        for folder, wanted in zip(folders, chosen, strict=True):
            with console.waiting(f"measuring {folder.reference}"):
                one, known = measure_model(
                    folder,
                    examples,
                    each=each,
                    threshold=wanted,
                    by=by,
                    worst=worst,
                    config=config,
                    part=None if other else part,
                    home=home,
                )
            measured.append(one)
            if known:
                console.warn(
                    f"{folder.reference} was trained on {known:,} of these {len(examples):,} texts; "
                    "the score flatters it",
                    hint=f"lstmctl evaluate {folder.reference} measures it on texts that were kept aside",
                )
    report(console, measured, what=what, only_worst=worst > 0)
    reasons = [reason for each in measured for reason in missed(limits, each)]
    for reason in reasons:
        console.error(reason)
    return int(ExitCode.NO if reasons else ExitCode.DONE)
