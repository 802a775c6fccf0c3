"""`lstmctl train`: fit, checkpoint, register. Prints the model's reference, alone, on stdout."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import DATA, LabelColumn, RenameLabel, TextColumn, complete_data, parse_renames, settings
from lstmctl.cli.session import describe, open_model, open_registry
from lstmctl.config import DataConfig, TrainConfig
from lstmctl.errors import UsageError

if TYPE_CHECKING:
    from lstmctl.data import Dataset

NAME = "train"
EXAMPLES = """
Examples:
  lstmctl train --epochs 3
  lstmctl train --data reviews.csv --text-column review --label-column stars
  model=$(lstmctl train -q --data reviews.csv) && lstmctl evaluate "$model"
"""
MODEL, FIT, RUN = "Model", "Fit", "Run"


def command(
    source: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="NAME|FILE|DIR",
            help="A data set (lstmctl data list), a file, or a folder of class folders.",
            rich_help_panel=DATA,
            autocompletion=complete_data,
            show_default=True,
        ),
    ] = "imdb",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    group_column: Annotated[
        str | None,
        typer.Option(
            "--group-column", metavar="NAME", help="Rows with one value here stay together.", rich_help_panel=DATA
        ),
    ] = None,
    val_source: Annotated[
        str | None, typer.Option("--val-data", metavar="FILE", help="Your own validation part.", rich_help_panel=DATA)
    ] = None,
    test_source: Annotated[
        str | None, typer.Option("--test-data", metavar="FILE", help="Your own test part.", rich_help_panel=DATA)
    ] = None,
    val_split: Annotated[
        float, typer.Option("--val-split", metavar="SHARE", help="Of what the test part leaves.", rich_help_panel=DATA)
    ] = DataConfig.val_split,
    test_split: Annotated[
        float, typer.Option("--test-split", metavar="SHARE", help="Kept aside for evaluate.", rich_help_panel=DATA)
    ] = DataConfig.test_split,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", help="At most N texts a part: a trial.", rich_help_panel=DATA)
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            "--positive",
            metavar="LABEL",
            help="Of two labels, the one that probabilities speak of.",
            show_default="the last in sorted order",
            rich_help_panel=DATA,
        ),
    ] = None,
    rename_label: RenameLabel = None,
    vocab_size: Annotated[
        int, typer.Option("--vocab-size", metavar="N", help="Words to learn, the most frequent.", rich_help_panel=MODEL)
    ] = TrainConfig.vocab_size,
    max_len: Annotated[
        int,
        typer.Option("--max-len", metavar="N", help="Words read of a text, the last ones.", rich_help_panel=MODEL),
    ] = TrainConfig.max_len,
    embedding_dim: Annotated[
        int, typer.Option("--embedding-dim", metavar="N", help="Numbers that stand for a word.", rich_help_panel=MODEL)
    ] = TrainConfig.embedding_dim,
    units: Annotated[
        int, typer.Option("--units", metavar="N", help="Places on the LSTM's belt.", rich_help_panel=MODEL)
    ] = TrainConfig.units,
    dropout: Annotated[
        float,
        typer.Option("--dropout", metavar="SHARE", help="Hidden of each word while training.", rich_help_panel=MODEL),
    ] = TrainConfig.dropout,
    epochs: Annotated[
        int | None,
        typer.Option(
            "-e",
            "--epochs",
            metavar="N",
            help="Times to read all training texts.",
            show_default="3, more for small data",
            rich_help_panel=FIT,
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("-b", "--batch-size", metavar="N", help="Texts a step.", rich_help_panel=FIT)
    ] = TrainConfig.batch_size,
    learning_rate: Annotated[
        float, typer.Option("--lr", metavar="RATE", help="Learning rate at its peak.", rich_help_panel=FIT)
    ] = TrainConfig.learning_rate,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Of weights, order and dropout.", rich_help_panel=FIT)
    ] = TrainConfig.seed,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="The model's name.", show_default="from the data", rich_help_panel=RUN
        ),
    ] = None,
) -> None:
    """Train a classifier and register it.

    It is measured on texts that were kept aside.

    Prints the new model's reference, such as imdb@1, on stdout; everything else goes to stderr.
    """
    from lstmctl.data import source_of

    data = DataConfig(
        source=source_of(source),
        text_column=text_column,
        label_column=label_column,
        group_column=group_column,
        val_source=source_of(val_source) if val_source else None,
        test_source=source_of(test_source) if test_source else None,
        val_split=val_split,
        test_split=test_split,
        limit=limit,
        rename_label=parse_renames(rename_label),
    ).validate()
    training = TrainConfig(
        vocab_size=vocab_size,
        max_len=max_len,
        embedding_dim=embedding_dim,
        units=units,
        dropout=dropout,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    ).validate()
    console = Console.open(settings)
    reference = run_training(console, data, training, name=name, positive=positive)
    if console.format == "json":
        console.json(describe(open_model(reference)))
    else:
        console.result(reference)


def run_training(
    console: Console, data: DataConfig, training: TrainConfig, *, name: str | None, positive: str | None
) -> str:
    """Train with the screen showing it; the reference of the registered model."""
    from lstmctl.cli.training_screen import TrainingScreen
    from lstmctl.data import default_model_name, load
    from lstmctl.training.framework import import_in_background
    from lstmctl.training.prepare import prepare

    registry = open_registry()
    name = name if name is not None else default_model_name(data.source)
    will_be = registry.next_reference(name)
    registry.prepare_for_writing()
    screen = TrainingScreen(console)
    framework = import_in_background()
    with console.waiting("reading the texts"):
        dataset = load(data, home=registry.home)
        labels = _ordered(dataset, positive=positive)
    screen.data(dataset)
    with console.waiting("learning the words"):
        plan = prepare(dataset, training, labels=labels)
    screen.plan(plan, will_be=will_be)
    with console.waiting("loading TensorFlow"):
        framework.wait()
    from lstmctl.training.train import train

    with screen.table(plan):
        trained = train(plan, registry, name=name, watcher=screen, command=["lstmctl", *sys.argv[1:]])
    screen.result(plan, trained)
    return trained.reference


def _ordered(dataset: "Dataset", *, positive: str | None) -> tuple[str, ...]:
    """The labels in the order of the model's outputs: of two, the positive one is last."""
    labels = dataset.labels
    if positive is None:
        return labels
    if len(labels) != 2:
        raise UsageError(f"--positive needs data with two labels; these have {len(labels)}")
    if positive not in labels:
        raise UsageError(f'--positive "{positive}" is not a label of the data', hint=f"its labels: {' '.join(labels)}")
    return tuple(sorted(labels, key=lambda label: label == positive))
