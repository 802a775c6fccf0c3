"""`lstmctl summary --gates`: the four matrices of each LSTM in numbers, and how long its belt remembers."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Console
from lstmctl.cli.evaluation_texts import own_part
from lstmctl.cli.lines import Piece, tsv, visible
from lstmctl.errors import BadData, LstmctlError

if TYPE_CHECKING:
    from lstmctl.classifier import Classifier
    from lstmctl.registry.model_folder import ModelFolder

MOST_TEXTS = 50  # of the test part
COLUMNS = ("lstm", "matrix", "parameters", "share", "norm_word", "norm_hidden", "mean_bias", "half_life")


def show_gates(console: Console, folder: "ModelFolder", texts: Sequence[str]) -> None:
    """Sizes and norms; and the belt's half-life on `texts`, or on some of the model's own test part."""
    from lstmctl.classifier import Classifier

    classifier = Classifier.load(folder)
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
        console.result(tsv(COLUMNS))
        for row in matrices:
            life = _middle(lives[row["lstm"]], 0.5) if row["matrix"] == "forget gate" and lives else None
            numbers = (f"{value:.6f}" for name, value in row.items() if isinstance(value, float))
            console.result(
                tsv((row["lstm"], row["matrix"], row["parameters"], *numbers, None if life is None else f"{life:.3f}"))
            )
    else:
        _screen(console, folder, matrices, lives, where)


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
                        "matrix": name.replace("_", " ") + (" gate" if name != "new_value" else ""),
                        "inputs": matrix.input.shape[0],
                        "units": matrix.bias.size,
                        "parameters": parameters,
                        "share": parameters / classifier.config.parameters,
                        "norm_word": float(np.linalg.norm(matrix.input)),
                        "norm_hidden": float(np.linalg.norm(matrix.recurrent)),
                        "mean_bias": float(matrix.bias.mean()),
                    }
                )
    return rows


def _own_texts(folder: "ModelFolder") -> tuple[list[str], str]:
    """Texts spread over the test part, and what they are."""
    examples, name = own_part(folder, part="test")
    step = -(-len(examples) // MOST_TEXTS)
    texts = [example.text for example in examples[::step]]
    return texts, f"{len(texts)} texts of {name}"


def _half_lives(classifier: "Classifier", texts: Sequence[str]) -> tuple[dict[str, list[float]], int]:
    """By LSTM the half-life of each unit, in words; and how many words were read."""
    import numpy as np

    from lstmctl.explanation import half_life, traces

    read = [classifier.encode(text) for text in texts]
    words = sum(len(encoded.words) for encoded in read)
    if not words:
        raise BadData("there is no word to read", hint="--text TEXT measures it on a text")
    found = [traces(classifier, encoded.ids, words=len(encoded.words)) for encoded in read]
    return {name: half_life(np.concatenate([each[name].forget for each in found])).tolist() for name in found[0]}, words


def _middle(values: Sequence[float], share: float) -> float:
    """The value that a share of the values lies below."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _screen(
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
        rows: list[list[Piece]] = [
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
        low, middle, high = (_words(_middle(values, share)) for share in (0.25, 0.5, 0.75))
        label = "half-life" if len(lives) == 1 else f"half-life of {name}  "
        console.show()
        console.show((f"{label:<10}", "dim"), f"half of the belt is gone after {middle} words")
        console.show(" " * max(10, len(label)), f"the middle half of the units: {low} to {high} words")
        console.show(" " * max(10, len(label)), (visible(where), "dim"))


def _words(count: float) -> str:
    return f"{count:,.1f}" if count < 1e6 else "over a million"


def _finite(lives: dict[str, list[float]]) -> dict[str, list[float | None]]:
    """JSON has no infinity."""
    return {name: [value if math.isfinite(value) else None for value in values] for name, values in lives.items()}
