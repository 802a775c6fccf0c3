"""What train shows on terminals of several widths, without training anything."""

import io
import re
import sys
from types import SimpleNamespace

import pytest
from toy import toy_history

from lstmctl.cli.console import Console
from lstmctl.cli.options import Settings
from lstmctl.cli.training_screen import TrainingScreen
from lstmctl.errors import Interrupted


def plan(epochs=3):
    return SimpleNamespace(
        model=SimpleNamespace(embedding_dim=32, max_len=500, units=32, outputs=1, parameters=328_353),
        floors=SimpleNamespace(
            naive_bayes={"validation": 0.79, "test": 0.78}, majority={"validation": 0.5}, majority_label="neg"
        ),
        vocabulary=SimpleNamespace(words=["w"] * 9_998),
        training=SimpleNamespace(batch_size=32),
        unknown=0.056,
        cut=0.08,
        steps=10,
        epochs=epochs,
    )


class Terminal(io.StringIO):
    """A terminal in memory."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def start(monkeypatch):
    """A function that gives a screen and the terminal that it shows itself on."""

    def call():
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        return TrainingScreen(Console(Settings())), terminal

    return call


def show(screen):
    screen.plan(plan(), will_be="imdb@1")
    with screen.table(plan()):
        for record in toy_history():
            screen.epoch(record, checkpoint="/somewhere/step-1")


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_it_fits(start, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    screen, terminal = start()
    show(screen)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert max(len(line) for line in re.split("[\r\n]", shown)) <= columns
    assert "will be imdb@1" in shown
    assert re.search("3/3 .*★", shown)


def test_an_epoch_within_the_noise_of_the_best_says_so(start):
    screen, terminal = start()
    records = toy_history()
    screen.plan(plan(), will_be="imdb@1")
    with screen.table(plan()):
        for record in (records[2], records[1]):  # the second one is worse, but not by much
            screen.epoch(record, checkpoint="c")
    assert "≈ epoch 3" in terminal.getvalue()


def test_an_interruption_says_what_was_kept(start):
    screen, _ = start()
    with pytest.raises(Interrupted) as nothing, screen.table(plan()):
        raise KeyboardInterrupt
    assert "nothing was saved" in nothing.value.message
    with pytest.raises(Interrupted) as kept, screen.table(plan()):
        screen.epoch(toy_history()[0], checkpoint="/home/run/step-1")
        raise KeyboardInterrupt
    assert "epoch 1 is saved" in kept.value.message
    assert "predict -m /home/run/step-1/" in kept.value.hint
    assert kept.value.exit_code == 130
