"""What `train` shows: the plan, a bar that becomes a row for each epoch, the curves, the score."""

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Console
from lstmctl.errors import Interrupted
from lstmctl.history import EpochRecord, best
from lstmctl.plots.text import LABEL, Span, visible

if TYPE_CHECKING:
    from lstmctl.config import ModelConfig
    from lstmctl.data.datasets import Dataset
    from lstmctl.evaluation.intervals import Comparison
    from lstmctl.training.fit import Progress
    from lstmctl.training.prepare import Plan
    from lstmctl.training.train import Trained


class TrainingScreen:
    """A `training.train.Watcher` for people. On a terminal there is a live bar; elsewhere one plain line an epoch."""

    def __init__(self, console: Console) -> None:
        self.console, self._facts = console, console.note_facts
        self._rich = console.progress()
        self._bar: Any = None
        self._plan: Plan | None = None
        self._started: tuple[float, int] | None = None  # when the first report came, and how many steps were done then
        self._history: list[EpochRecord] = []

    # --- before training ------------------------------------------------------------------------------------------

    def data(self, data: "Dataset", *, unlabelled: int) -> None:
        """The line about the texts."""
        parts = [("train", data.train), ("validation", data.validation), ("test", data.test)]
        counts = " · ".join(f"{len(part):,} {name}" for name, part in parts if part)
        more = f" · {unlabelled:,} unlabelled" if unlabelled else ""
        self._facts("data", f"{data.name} · {counts} texts{more}")
        for note in data.notes:
            self._facts("", note)

    def plan(self, plan: "Plan", *, will_be: str) -> None:
        """What was learned from the texts, what will be trained, and what there is to beat."""
        model, baselines = plan.model, plan.baselines
        known = f"{len(plan.vocabulary.words):,} known · {plan.unknown:.1%} of the text unknown"
        cut = f" · {plan.cut:.0%} of texts cut at {model.max_len:,}" if plan.cut else ""
        self._facts("words", known + cut)
        self._facts(
            "model",
            f"embedding {model.embedding_dim} → {_lstm(model, plan.training.ensemble_size)} → {model.outputs} · "
            f"{model.parameters:,} parameters · will be {will_be}",
        )
        self._suspects(plan)
        bayes, majority = baselines.naive_bayes["validation"], baselines.majority["validation"]
        label = visible(baselines.majority_label)
        f1 = f", mean F1 {baselines.naive_bayes_f1['validation']:.3f}" if _uneven(plan) else ""
        self._facts("to beat", f'naive Bayes {bayes:.3f}{f1} · always "{label}" {majority:.3f} (validation)')
        if _uneven(plan) and plan.training.class_weight == "none":
            self._facts("notice", "the labels are uneven · --class-weight balanced finds more of the rare ones")

    def _suspects(self, plan: "Plan") -> None:
        """What makes a score better or a training worse than it looks: a line, or where it is much, a warning."""
        leaks, twins, empty = plan.findings
        kept_aside = len(plan.validation) + len(plan.test)
        found = [
            (leaks, kept_aside, f"{leaks:,} kept-aside texts copy training texts"),
            (twins, len(plan.train), f"{twins:,} training texts contradict a copy"),
            (empty, len(plan.train), f"{empty:,} training texts have no words"),
        ]
        hint = f"lstmctl data check --data {shlex.quote(plan.data.config.source)} names them"
        for count, of, text in found:
            if count > 0.01 * of:
                self.console.warn(f"{text} ({count / of:.1%})", hint=hint)
            elif count:
                self._facts("notice", f"{text} · {count / of:.1%} of them")

    # --- while training -------------------------------------------------------------------------------------------

    @contextmanager
    def table(self, plan: "Plan") -> Iterator[None]:
        """Around training: the header, the live bar, and a word about what is kept when it is interrupted."""
        if self.console.err.on_terminal:
            self.console.note()
            self.console.note(("              train           validation", "dim"))
            self.console.note(("epoch      loss    acc       loss    acc ±95%       time", "dim"))
        self._plan = plan
        self._start_bar(1)
        try:
            yield
        except Interrupted as interrupt:
            if interrupt.hint is not None and self.console.settings.home is not None:
                interrupt.hint += f" --home {shlex.quote(self.console.settings.home)}"
            raise
        finally:
            self._stop_bar()

    def resumed(self, history: Sequence[EpochRecord], progress: "Progress", *, damaged: Sequence[str]) -> None:
        """A run goes on: the epochs that it has behind it, and where it stopped."""
        for problem in damaged:
            self.console.warn(f"{problem}; an older checkpoint is used")
        for record in history:
            self.epoch(record)
        epochs = self._plan.epochs if self._plan is not None else 0
        if progress.epoch <= epochs:
            self._stop_bar()
            self.console.note((f"{'resumed':<{LABEL}}epoch {progress.epoch}, after step {progress.step:,}", "dim"))
            self._start_bar(progress.epoch)

    def progress(self, progress: "Progress") -> None:
        """Some steps were made."""
        if self._bar is None or self._plan is None:
            return
        done = (progress.epoch - 1) * self._plan.steps + progress.step
        numbers = f"{progress.loss:.3f}  {progress.accuracy:.3f}"
        if self._started is None:
            self._started = time.monotonic(), done
        elif done > self._started[1]:
            seconds, steps = time.monotonic() - self._started[0], done - self._started[1]
            left = seconds / steps * (self._plan.steps * self._plan.epochs - done)
            numbers += f"  {left // 60:.0f}:{left % 60:02.0f} left"
            if self.console.width >= 76:
                numbers += f"  {steps * self._plan.training.batch_size / seconds:,.0f}/s"
        self._bar.update(self._bar.task_ids[0], completed=progress.step, numbers=numbers)

    def epoch(self, record: EpochRecord) -> None:
        """An epoch was finished, validated and saved."""
        self._stop_bar()
        self._history.append(record)
        epochs = self._plan.epochs if self._plan is not None else record.epoch
        if self.console.err.on_terminal:
            self.console.note(*self._row(record, epochs))
        else:
            self.console.note(
                f"epoch={record.epoch}/{epochs} loss={record.loss:.4f} accuracy={record.accuracy:.4f} "
                f"val_loss={record.val_loss:.4f} val_accuracy={record.val_accuracy:.4f} seconds={record.seconds:.1f}"
            )
        if record.epoch < epochs:
            self._start_bar(record.epoch + 1)

    def checking(self) -> None:
        """The model is being checked, measured and registered."""
        if self._rich is not None:
            self._bar = self._rich.status("comparing NumPy with Keras, measuring on the test part")
            self._bar.start()

    # --- afterwards -----------------------------------------------------------------------------------------------

    def result(self, plan: "Plan", trained: "Trained") -> None:
        """Curves, score, what to do next. The caller prints the reference on stdout."""
        if self.console.err.on_terminal and not self.console.settings.quiet:
            self._curves(trained)
        if trained.test is not None:
            accuracy = trained.test.metrics["accuracy"]
            half = ((accuracy.high or 0) - (accuracy.low or 0)) / 2
            f1, baseline = "", f"naive Bayes {plan.baselines.naive_bayes['test']:.3f}"
            if _uneven(plan):
                f1 = f" · mean F1 {trained.test.metrics['f1_macro'].value:.3f}"
                baseline += f", mean F1 {plan.baselines.naive_bayes_f1['test']:.3f}"
            self._facts("test", f"{accuracy.value:.3f} ±{half:.3f}{f1} on {accuracy.n:,} texts kept aside · {baseline}")
        self._facts("verdict", verdict(trained.vs_baseline))
        if self.console.err.on_terminal:
            text = "a text of yours" if "/" in plan.data.config.source else "great movie"  # a path, or films
            self._facts("next", f'lstmctl predict "{text}" · lstmctl evaluate · lstmctl plot')
        self.console.detail(
            f"agreement {trained.difference:.1e} between NumPy and Keras · epoch {trained.epoch} kept · "
            f"{trained.seconds:.1f} s · calibrated by {trained.temperature:.3f} · LSTM kernel: {trained.kernel}"
        )
        if self.console.err.on_terminal and self.console.out.on_terminal:
            # The reference itself is the answer and goes to stdout; here it completes this line.
            self.console.note((f"{'saved':<{LABEL}}", "dim"), end="")

    # --- pieces ---------------------------------------------------------------------------------------------------

    def _row(self, record: EpochRecord, epochs: int) -> list[Span]:
        half = (record.val_high - record.val_low) / 2
        mark, wide = "", self.console.width >= 76
        leader = best(self._history)
        if leader is record:
            mark = "   ★ best so far" if wide else " ★"
        elif record.val_low <= leader.val_accuracy <= record.val_high:
            mark = f"   ≈ epoch {leader.epoch}" if wide else f" ≈{leader.epoch}"
        return [
            f"{f'{record.epoch}/{epochs}':<8}  {record.loss:.3f}  {record.accuracy:.3f}      "
            f"{record.val_loss:.3f}  {record.val_accuracy:.3f} ±{half:.3f}  {record.seconds:>6.0f} s{mark}"
        ]

    def _curves(self, trained: "Trained") -> None:
        from lstmctl.plots.figures import TrainingCurves
        from lstmctl.plots.terminal import curves_chart

        drawn = curves_chart(
            TrainingCurves([(trained.reference, trained.history)]),
            width=min(self.console.width, 120),
            color=self.console.err.color,
            unicode=self.console.err.unicode,
        )
        self.console.note()
        self.console.note_drawing(drawn)
        self.console.note()

    def _start_bar(self, epoch: int) -> None:
        if self._rich is None or self._plan is None:
            return
        from rich import progress

        width = self.console.width
        columns: list[Any] = [progress.TextColumn("{task.description:<8}")]
        columns += [progress.BarColumn(max(8, min(30, width - 52)))]
        columns += [progress.TextColumn("{task.completed}/{task.total}")]
        columns += [progress.TextColumn("{task.fields[numbers]}")]
        self._bar = progress.Progress(
            *columns, console=self._rich, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._bar.add_task(f"{epoch}/{self._plan.epochs}", total=self._plan.steps, numbers="")
        self._bar.start()

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _uneven(plan: "Plan") -> bool:
    """Whether some label is so frequent that accuracy says little of the others."""
    return plan.baselines.majority["validation"] > 1.5 / len(plan.model.labels)


def verdict(vs_baseline: "Comparison") -> str:
    """Whether the LSTM was worth it, in words."""
    points, half = 100 * abs(vs_baseline.difference), 50 * (vs_baseline.high - vs_baseline.low)
    by = f"by {points:.1f} points ±{half:.1f}"
    if not vs_baseline.distinguishable:
        where = "above" if vs_baseline.difference > 0 else "below"
        gap = f"{points:.1f} points {where}" if points >= 0.05 else "level with"
        return f"the LSTM is {gap} naive Bayes, ±{half:.1f} · too close to call on {vs_baseline.n:,} texts"
    if vs_baseline.difference > 0:
        return f"the LSTM beats naive Bayes {by}"
    return f"naive Bayes beats the LSTM {by} · counting words was enough"


def _lstm(model: "ModelConfig", ensemble_size: int) -> str:
    """`LSTM 32`, `2 × BiLSTM 64`, `LSTM 3 · 64` of three members."""
    return (
        (f"{model.layers} × " if model.layers > 1 else "")
        + ("Bi" if model.bidirectional else "")
        + (f"LSTM {ensemble_size} · {model.units // ensemble_size}" if ensemble_size > 1 else f"LSTM {model.units}")
    )
