"""What train shows on terminals of several widths, without training anything."""

import io
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from toy import toy_history

from lstmctl.cli.console import Console
from lstmctl.cli.options import Settings
from lstmctl.cli.train.screen import TrainingScreen, verdict
from lstmctl.errors import Interrupted
from lstmctl.evaluation.intervals import compare_models
from lstmctl.training.prepare import DataFindings


def plan(epochs=3, *, twins=0, majority=0.5, ensemble_size=1):
    return SimpleNamespace(
        model=SimpleNamespace(
            embedding_dim=32,
            max_len=500,
            units=32,
            outputs=1,
            parameters=328_353,
            layers=1,
            bidirectional=False,
            labels=("neg", "pos"),
        ),
        baselines=SimpleNamespace(
            naive_bayes={"validation": 0.79, "test": 0.78},
            naive_bayes_f1={"validation": 0.48, "test": 0.47},
            majority={"validation": majority},
            majority_label="neg",
        ),
        vocabulary=SimpleNamespace(words=["w"] * 9_998),
        training=SimpleNamespace(batch_size=32, class_weight="none", ensemble_size=ensemble_size),
        unknown=0.056,
        cut=0.08,
        findings=DataFindings(leaks=26, twins=twins, empty=0),
        train=range(18_000),
        validation=range(4_500),
        test=range(2_500),
        data=SimpleNamespace(config=SimpleNamespace(source="my reviews.csv")),
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
            screen.epoch(record)


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
            screen.epoch(record)
    assert "≈ epoch 3" in terminal.getvalue()


def test_a_run_that_goes_on_shows_what_is_behind_it(start):
    screen, terminal = start()
    screen.plan(plan(), will_be="imdb@1")
    with screen.table(plan()):
        at = SimpleNamespace(epoch=3, step=4, loss=0.3, accuracy=0.9)
        screen.resumed(toy_history()[:2], at, damaged=["step-24 cannot be used: it is damaged"])
        screen.progress(at)
        screen.epoch(toy_history()[2])
    shown = terminal.getvalue()
    assert re.search(r"1/3 .*\n.*2/3 .*\n.*resumed   epoch 3, after step 4\n.*3/3 ", shown, re.DOTALL)
    assert "warning: step-24 cannot be used: it is damaged; an older checkpoint is used" in shown


def test_the_command_that_resumes_names_the_home(start):
    screen, _ = start()
    screen.console.settings.home = "my home"
    with pytest.raises(Interrupted) as stopped, screen.table(plan()):
        raise Interrupted(2, "stopped", hint="lstmctl train --resume --run x")
    assert stopped.value.hint == "lstmctl train --resume --run x --home 'my home'"


@pytest.mark.parametrize(
    ("layers", "bidirectional", "ensemble_size", "shown"),
    [(1, False, 1, "→ LSTM 32 →"), (2, True, 1, "→ 2 × BiLSTM 32 →"), (1, False, 4, "→ LSTM 4 · 8 →")],
)
def test_the_shape_of_the_model(start, layers, bidirectional, ensemble_size, shown):
    screen, terminal = start()
    about = plan(ensemble_size=ensemble_size)
    about.model.layers, about.model.bidirectional = layers, bidirectional
    screen.plan(about, will_be="imdb@1")
    assert shown in terminal.getvalue()


def test_texts_that_mislead_are_told_before_the_first_epoch(start):
    """A few in a line, many in a warning with the command that names them."""
    screen, terminal = start()
    screen.plan(plan(twins=300), will_be="imdb@1")
    said = " ".join(terminal.getvalue().split())
    assert "notice 26 kept-aside texts copy training texts · 0.4% of them" in said
    assert "warning: 300 training texts contradict a copy (1.7%)" in said
    assert "lstmctl data check --data 'my reviews.csv' names them" in said
    assert "have no words" not in said


def test_of_uneven_labels_more_is_told_than_accuracy(start):
    screen, terminal = start()
    screen.plan(plan(majority=0.95), will_be="imdb@1")
    said = " ".join(terminal.getvalue().split())
    assert "to beat naive Bayes 0.790, mean F1 0.480" in said and 'always "neg" 0.950' in said
    assert "notice the labels are uneven" in said and "--class-weight balanced" in said


@pytest.mark.parametrize(
    ("bayes", "lstm", "said"),
    [
        (600, 700, "the LSTM beats naive Bayes by 10.0 points ±"),
        (700, 600, "naive Bayes beats the LSTM by 10.0 points ±"),
        (700, 703, "the LSTM is 0.3 points above naive Bayes, ±"),
        (703, 700, "the LSTM is 0.3 points below naive Bayes, ±"),
        (700, 700, "the LSTM is level with naive Bayes, ±0.2 · too close to call on 1,000 texts"),
    ],
)
def test_the_verdict(bayes, lstm, said):
    """Over naive Bayes, on the same 1,000 texts, of which each answers so many right."""
    places = np.arange(1_000)
    lead = compare_models(places < bayes, places < lstm)
    assert verdict(lead).startswith(said)
