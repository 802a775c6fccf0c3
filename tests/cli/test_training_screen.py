"""The screen of train on terminals of several widths, without training anything."""

import io
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from toy import toy_history

from lstmctl.cli.console import Console
from lstmctl.cli.options import Settings
from lstmctl.cli.train.screen import TrainingScreen, has_learned, verdict
from lstmctl.config import DataConfig, TrainConfig
from lstmctl.errors import Interrupted
from lstmctl.evaluation.intervals import compare_models
from lstmctl.training.prepare import DataFindings


def plan(epochs=3, *, conflicts=0, majority=0.5, ensemble_size=1):
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
            ngram_order=0,
            ngram_count=0,
        ),
        baselines=SimpleNamespace(
            majority={"validation": majority},
            majority_label="neg",
            strongest="naive_bayes",
            accuracy={
                "naive_bayes": {"validation": 0.79, "test": 0.78},
                "ngrams": {"validation": 0.87, "test": 0.86},
            },
            f1={
                "naive_bayes": {"validation": 0.48, "test": 0.47},
                "ngrams": {"validation": 0.68, "test": 0.67},
            },
        ),
        vectors=None,
        embedding_rate=1.0,
        vocabulary=SimpleNamespace(words=["w"] * 9_998),
        training=TrainConfig(ensemble_size=ensemble_size),
        ensemble_size=ensemble_size,
        unknown=0.056,
        cut=0.08,
        findings=DataFindings(leaks=26, conflicts=conflicts, empty=0),
        train=range(18_000),
        validation=range(4_500),
        test=range(2_500),
        data=SimpleNamespace(config=DataConfig(source="my reviews.csv")),
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
    """A function that returns a screen and its terminal."""

    def call():
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        return TrainingScreen(Console(Settings())), terminal

    return call


ORIGINS = dict.fromkeys(vars(TrainConfig()), "a test")


def show_plan(screen, about=None):
    screen.plan(about or plan(), reference="imdb@1", origins=ORIGINS)


def show(screen):
    show_plan(screen)
    with screen.training():
        for record in toy_history():
            screen.epoch(record)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_screen_fits_the_terminal(start, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    screen, terminal = start()
    show(screen)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert max(len(line) for line in re.split("[\r\n]", shown)) <= columns
    assert "will be imdb@1" in shown
    assert re.search("3/3 .*★", shown)


def test_epoch_within_noise_of_the_best(start):
    screen, terminal = start()
    records = toy_history()
    show_plan(screen)
    with screen.training():
        for record in (records[2], records[1]):  # the second one is worse, but not by much
            screen.epoch(record)
    assert "≈ epoch 3" in terminal.getvalue()


def test_resumed_run_shows_earlier_epochs(start):
    screen, terminal = start()
    show_plan(screen)
    with screen.training():
        at = SimpleNamespace(epoch=3, step=4, loss=0.3, accuracy=0.9)
        screen.resumed(toy_history()[:2], at, damaged=["step-24 cannot be used: it is damaged"])
        screen.progress(at)
        screen.epoch(toy_history()[2])
    shown = terminal.getvalue()
    assert re.search(r"1/3 .*\n.*2/3 .*\n.*resumed   epoch 3, after step 4\n.*3/3 ", shown, re.DOTALL)
    assert "warning: step-24 cannot be used: it is damaged; an older checkpoint is used" in shown


def test_resume_hint_names_the_home(start):
    screen, _ = start()
    screen.console.settings.home = "my home"
    show_plan(screen)
    with pytest.raises(Interrupted) as stopped, screen.training():
        raise Interrupted(2, "stopped", hint="lstmctl train --resume --run x")
    assert stopped.value.hint == "lstmctl train --resume --run x --home 'my home'"


@pytest.mark.parametrize(
    ("layers", "bidirectional", "ensemble_size", "shown"),
    [(1, False, 1, "→ LSTM 32 →"), (2, True, 1, "→ 2 × BiLSTM 32 →"), (1, False, 4, "→ LSTM 4 · 8 →")],
)
def test_shape_of_the_model(start, layers, bidirectional, ensemble_size, shown):
    screen, terminal = start()
    about = plan(ensemble_size=ensemble_size)
    about.model.layers, about.model.bidirectional = layers, bidirectional
    show_plan(screen, about)
    assert shown in terminal.getvalue()


def test_misleading_texts(start):
    """A few in a line, many in a warning with the command that names them."""
    screen, terminal = start()
    show_plan(screen, plan(conflicts=300))
    shown = " ".join(terminal.getvalue().split())
    assert "notice 26 held-out texts are copies of training texts · 0.4%" in shown
    assert "warning: 300 training texts are conflicting duplicates (1.7%)" in shown
    assert "lstmctl data check --data 'my reviews.csv' lists them" in shown
    assert "have no words" not in shown


def test_imbalanced_labels(start):
    screen, terminal = start()
    show_plan(screen, plan(majority=0.95))
    shown = " ".join(terminal.getvalue().split())
    assert "baseline naive Bayes 0.790, mean F1 0.480" in shown and 'always "neg" 0.950' in shown
    assert "notice the labels are imbalanced" in shown and "--class-weight balanced" in shown


def test_ngrams_and_vectors(start, monkeypatch):
    """Shown where there are any; the baseline is the stronger one."""
    monkeypatch.setenv("COLUMNS", "200")
    screen, terminal = start()
    show_plan(screen)
    assert not re.search("^(n-grams|vectors) ", terminal.getvalue(), re.M)
    for rate, expected in ((0.0, "not trained"), (0.2, "trained at 0.2 × the learning rate")):
        screen, terminal = start()
        about = plan()
        about.model.ngram_order, about.model.ngram_count = 3, 123_456
        about.baselines.strongest, about.embedding_rate = "ngrams", rate
        about.vectors = SimpleNamespace(name="my\x1b vectors.txt", coverage=0.876)
        show_plan(screen, about)
        shown = " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()).split())
        assert "n-grams 123,456 of 1 to 3 words" in shown
        assert f"vectors.txt · 88% of the words have one · {expected}" in shown
        assert "\x1b" not in shown
        assert "baseline n-grams alone 0.870" in shown and "naive Bayes" not in shown


NAMES = ("naive Bayes", "n-grams alone")
NONE = "no significant difference on 1,000 texts"


@pytest.mark.parametrize(
    ("counted", "model", "naive_bayes", "ngrams"),
    [
        (
            *(600, 700),
            r"above naive Bayes by 10\.0 ±\d\.\d points",
            r"the LSTM adds 10\.0 ±\d\.\d points to the n-grams alone",
        ),
        (*(700, 600), *[rf"below {name} by 10\.0 ±\d\.\d points · word counts are enough here" for name in NAMES]),
        (
            *(700, 703),
            rf"above naive Bayes by 0\.3 ±\d\.\d points · {NONE}",
            rf"the LSTM adds 0\.3 ±\d\.\d points to the n-grams alone · {NONE}",
        ),
        (*(703, 700), *[rf"below {name} by 0\.3 ±\d\.\d points · {NONE}" for name in NAMES]),
        (*(700, 700), *[rf"level with {name} \(±0\.2 points\) · {NONE}" for name in NAMES]),
    ],
)
def test_verdict(counted, model, naive_bayes, ngrams):
    """The baseline and the model on the same 1,000 texts, with this many correct predictions each."""
    texts = np.arange(1_000)
    compared = compare_models(texts < counted, texts < model)
    assert re.fullmatch(naive_bayes, verdict(compared, "naive_bayes"))
    assert re.fullmatch(ngrams, verdict(compared, "ngrams"))


@pytest.mark.parametrize(
    ("accuracy", "majority", "f1", "learned"),
    [
        (0.35, 0.5, None, False),
        (0.5, 0.5, None, False),
        (0.51, 0.5, None, True),
        (0.95, 0.95, 0.487, False),  # the macro F1 of always the frequent label
        (0.93, 0.95, 0.61, True),  # of two labels, one is rare, and some of it was found
        (0.93, 0.95, None, True),  # without a test part there is no F1 to tell
    ],
)
def test_a_model_that_has_learned_nothing(accuracy, majority, f1, learned):
    part = "validation" if f1 is None else "test"
    baselines = SimpleNamespace(
        strongest="naive_bayes",
        accuracy={"naive_bayes": {part: 0.7}},
        majority={"validation": majority, "test": majority},
    )
    test = None if f1 is None else SimpleNamespace(metrics={"f1_macro": SimpleNamespace(value=f1)})
    model = SimpleNamespace(test=test, vs_baseline=SimpleNamespace(difference=accuracy - 0.7))
    own = SimpleNamespace(baselines=baselines, model=SimpleNamespace(labels=("a", "b")))
    assert has_learned(SimpleNamespace(plan=own, model=model)) == learned
