"""`lstmctl summary --word` and `--near`: what a model knows of a word."""

from typing import TYPE_CHECKING

from lstmctl.cli.console import Console
from lstmctl.cli.lines import Piece, tsv, visible
from lstmctl.config import FIRST_WORD
from lstmctl.errors import ExitCode, NotFound, UsageError

if TYPE_CHECKING:
    from lstmctl.registry.model_folder import ModelFolder
    from lstmctl.text import Vocabulary

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
    from lstmctl.neighbours import nearest

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
        for number, cosine in nearest(folder.weights()["embedding"], vocabulary.ids[word], NEIGHBOURS)
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
        rows: list[list[Piece]] = [[visible(other), f"{cosine:.2f}", f"{count:,}"] for other, cosine, count in found]
        console.table(["word", "cosine", "in training texts"], rows, right=[1, 2])


def _one_word(text: str, *, option: str) -> str:
    """The word as the model reads it."""
    from lstmctl.text import tokenize

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
