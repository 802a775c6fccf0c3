"""The screen of `train`: the plan, a progress bar and a row per epoch, the training curves, the score."""

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from lstmctl.cli.console import Console
from lstmctl.errors import Interrupted
from lstmctl.history import EpochRecord, best
from lstmctl.plots.text import LABEL, describe_ngrams, visible
from lstmctl.training.job import Trained, Watcher

if TYPE_CHECKING:
    from lstmctl.config import ModelConfig
    from lstmctl.data.datasets import Dataset
    from lstmctl.evaluation.intervals import Comparison
    from lstmctl.training.fit import Progress
    from lstmctl.training.prepare import Plan


class PlanScreen(Watcher):
    """Shows what was read, and a spinner while a plan is made."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def waiting(self, activity: str) -> AbstractContextManager[None]:
        return self.console.waiting(activity)

    def warning(self, text: str, *, hint: str | None = None) -> None:
        self.console.warn(text, hint=hint)

    def data(self, data: "Dataset", *, unlabelled: int) -> None:
        parts = [("train", data.train), ("validation", data.validation), ("test", data.test)]
        counts = " · ".join(f"{len(part):,} {name}" for name, part in parts if part)
        more = f" · {unlabelled:,} unlabelled" if unlabelled else ""
        self.console.note_facts("data", f"{data.name} · {counts} texts{more}")
        for reading in data.readings:
            self.console.note_facts("reading", reading)
        for note in data.notes:
            self.console.note_facts("", note)


class TrainingScreen(PlanScreen):
    """Shows a run, on a terminal with a live progress bar, elsewhere as one plain line per epoch."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._facts = console.note_facts
        self._bar: Any = None
        self._plan: Plan  # from `plan` on
        self._started: tuple[float, int] | None = None  # time of the first report, and the steps done by then
        self._history: list[EpochRecord] = []

    # --- before training ------------------------------------------------------------------------------------------

    def plan(self, plan: "Plan", *, reference: str, origins: Mapping[str, str]) -> None:
        self._plan, model, baselines = plan, plan.model, plan.baselines
        cut = f" · {plan.cut:.0%} of texts cut at {model.max_len:,}" if plan.cut else ""
        self._facts("words", f"{len(plan.vocabulary.words):,} known · {plan.unknown:.1%} of the text unknown{cut}")
        self._facts(
            "model",
            f"embedding {model.embedding_dim} → {_lstm(model, plan.ensemble_size)} → {model.outputs} · "
            f"{model.parameters:,} parameters · will be {reference}",
        )
        if model.ngram_order:
            self._facts("n-grams", describe_ngrams(model.ngram_count, model.ngram_order))
        if plan.vectors is not None:
            trained = (
                f"trained at {plan.embedding_rate:g} × the learning rate" if plan.embedding_rate else "not trained"
            )
            name = visible(plan.vectors.name)
            self._facts("vectors", f"{name} · {plan.vectors.coverage:.0%} of the words have one · {trained}")
        self._findings(plan)
        label, majority = visible(baselines.majority_label), baselines.majority["validation"]
        self._facts("baseline", f'{_baseline(plan, "validation")} · always "{label}" {majority:.3f} (validation)')
        if _imbalanced(plan) and plan.training.class_weight == "none":
            self._facts("notice", "the labels are imbalanced · --class-weight balanced finds more of the rare ones")
        for setting, value in plan.training.to_dict().items():
            self.console.detail(f"{setting} = {value} ({origins[setting]})")

    def _findings(self, plan: "Plan") -> None:
        """Texts that inflate the score or mislead the training: a line if they are few, a warning if many."""
        leaks, conflicts, empty, copies = plan.findings
        counts = [
            (leaks, len(plan.validation) + len(plan.test), "held-out texts are copies of training texts"),
            (conflicts, len(plan.train), "training texts are conflicting duplicates"),
            (empty, len(plan.train), "training texts have no words"),
        ]
        data = plan.data.config
        hint = f"{shlex.join(['lstmctl', 'data', 'check', *data.source_options, *data.reading_options()])} lists them"
        for count, total, text in counts:
            if count > 0.01 * total:
                self.console.warn(f"{count:,} {text} ({count / total:.1%})", hint=hint)
            elif count:
                self._facts("notice", f"{count:,} {text} · {count / total:.1%}")
        if copies > 0.01 * len(plan.train):
            self._facts("notice", f"{copies:,} training texts are copies of others · {copies / len(plan.train):.1%}")

    # --- while training -------------------------------------------------------------------------------------------

    @contextmanager
    def training(self) -> Iterator[None]:
        """The header and the progress bar; the hint of an interrupted run names the home."""
        if self.console.err.on_terminal:
            self.console.note()
            self.console.note(("              train           validation", "dim"))
            self.console.note(("epoch      loss    acc       loss    acc ±95%       time", "dim"))
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
        for problem in damaged:
            self.console.warn(f"{problem}; an older checkpoint is used")
        for record in history:
            self.epoch(record)
        if progress.epoch <= self._plan.epochs:
            self._stop_bar()
            self.console.note((f"{'resumed':<{LABEL}}epoch {progress.epoch}, after step {progress.step:,}", "dim"))
            self._start_bar(progress.epoch)

    def progress(self, progress: "Progress") -> None:
        if self._bar is None:
            return
        done = (progress.epoch - 1) * self._plan.steps + progress.step
        numbers = f"{progress.loss:.3f}  {progress.accuracy:.3f}"
        if self._started is None:
            self._started = time.monotonic(), done
        elif done > self._started[1]:
            seconds, steps = time.monotonic() - self._started[0], done - self._started[1]
            left = seconds / steps * (self._plan.steps * self._plan.epochs - done)
            numbers += f"  {left // 60:.0f}:{left % 60:02.0f} left"
            if self.console.err.width >= 76:
                numbers += f"  {steps * self._plan.training.batch_size / seconds:,.0f}/s"
        self._bar.update(self._bar.task_ids[0], completed=progress.step, numbers=numbers)

    def epoch(self, record: EpochRecord) -> None:
        self._stop_bar()
        self._history.append(record)
        epochs = self._plan.epochs
        if self.console.err.on_terminal:
            self.console.note(self._row(record))
        else:
            calibrated = record.val_calibrated_loss
            chosen_by = "" if calibrated is None else f" val_calibrated_loss={calibrated:.4f}"
            self.console.note(
                f"epoch={record.epoch}/{epochs} loss={record.loss:.4f} accuracy={record.accuracy:.4f} "
                f"val_loss={record.val_loss:.4f}{chosen_by} val_accuracy={record.val_accuracy:.4f} "
                f"seconds={record.seconds:.1f}"
            )
        if record.epoch < epochs:
            self._start_bar(record.epoch + 1)

    def checking(self) -> None:
        if (rich := self.console.progress()) is not None:
            self._bar = rich.status("comparing NumPy with Keras, evaluating on the test part")
            self._bar.start()

    # --- afterwards -----------------------------------------------------------------------------------------------

    def result(self, trained: Trained) -> None:
        """Training curves, score and next commands. The command prints the reference on stdout."""
        if self.console.err.on_terminal and not self.console.settings.quiet:
            self._curves(trained)
        plan, model = trained.plan, trained.model
        if model.test is not None:
            accuracy = model.test.metrics["accuracy"]
            half = ((accuracy.high or 0) - (accuracy.low or 0)) / 2
            f1 = f" · mean F1 {model.test.metrics['f1_macro'].value:.3f}" if _imbalanced(plan) else ""
            baseline = _baseline(plan, "test")
            self._facts("test", f"{accuracy.value:.3f} ±{half:.3f}{f1} on {accuracy.n:,} test texts · {baseline}")
        if has_learned(trained):
            self._facts("verdict", verdict(model.vs_baseline, plan.baselines.strongest))
        else:
            majority = plan.baselines.majority["validation" if model.test is None else "test"]
            text = f'no better than always "{visible(plan.baselines.majority_label)}" ({majority:.3f})'
            self._facts("verdict", f"{text} · not trained enough: more --epochs, or another --lr")
        if self.console.err.on_terminal:
            text = "a text of yours" if "/" in plan.data.config.source else "great movie"  # own data, or film reviews
            self._facts("next", f'lstmctl predict "{text}" · lstmctl evaluate · lstmctl plot')
        self.console.detail(
            f"agreement {model.difference:.1e} between NumPy and Keras · epoch {trained.epoch} kept · "
            f"{trained.seconds:.1f} s · temperature {model.temperature:.3f} · LSTM kernel: {trained.kernel}"
        )
        if self.console.err.on_terminal and self.console.out.on_terminal:
            # The command prints the reference on stdout, which completes this line.
            self.console.note((f"{'saved':<{LABEL}}", "dim"), end="")

    # --- pieces ---------------------------------------------------------------------------------------------------

    def _row(self, record: EpochRecord) -> str:
        half = (record.val_high - record.val_low) / 2
        mark, wide = "", self.console.err.width >= 76
        leader = best(self._history)
        if leader is record and all(record.delivered_loss < before.delivered_loss for before in self._history[:-1]):
            mark = "   ★ best so far" if wide else " ★"
        elif leader is not record and record.val_low <= leader.val_accuracy <= record.val_high:
            mark = f"   ≈ epoch {leader.epoch}" if wide else f" ≈{leader.epoch}"
        return (
            f"{f'{record.epoch}/{self._plan.epochs}':<8}  {record.loss:.3f}  {record.accuracy:.3f}      "
            f"{record.delivered_loss:.3f}  {record.val_accuracy:.3f} ±{half:.3f}  {record.seconds:>6.0f} s{mark}"
        )

    def _curves(self, trained: Trained) -> None:
        from lstmctl.plots.figures import TrainingCurves
        from lstmctl.plots.terminal import curves_chart

        self.console.note()
        figure = TrainingCurves([(trained.reference, trained.history)])
        self.console.note_drawing(curves_chart(figure, self.console.err))
        self.console.note()

    def _start_bar(self, epoch: int) -> None:
        label, text = f"{f'{epoch}/{self._plan.epochs}':<8}", "{task.completed}/{task.total} {task.fields[numbers]}"
        self._bar = self.console.start_bar(label, text, total=self._plan.steps, room=52)

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _imbalanced(plan: "Plan") -> bool:
    """Whether one label is so frequent that accuracy says little about the others."""
    return plan.baselines.majority["validation"] > 1.5 / len(plan.model.labels)


def _baseline(plan: "Plan", part: str) -> str:
    """The strongest baseline and its scores on a part."""
    from lstmctl.evaluation.baselines import TITLES

    baselines, name = plan.baselines, plan.baselines.strongest
    f1 = f", mean F1 {baselines.f1[name][part]:.3f}" if _imbalanced(plan) else ""
    return f"{TITLES[name]} {baselines.accuracy[name][part]:.3f}{f1}"


def has_learned(trained: Trained) -> bool:
    """Whether the model is better than always predicting the most frequent label: in accuracy, or where that label is
    so frequent that accuracy says little, in macro F1."""
    baselines, model = trained.plan.baselines, trained.model
    part = "validation" if model.test is None else "test"
    accuracy = baselines.accuracy[baselines.strongest][part] + model.vs_baseline.difference
    if accuracy > baselines.majority[part] or model.test is None:
        return accuracy > baselines.majority[part] or _imbalanced(trained.plan)
    share = baselines.majority[part]
    always = 2 * share / (1 + share) / len(trained.plan.model.labels)  # its macro F1
    return (model.test.metrics["f1_macro"].value or 0) > always + 0.01


def verdict(vs_baseline: "Comparison", baseline: str) -> str:
    """Whether the model is better than the strongest baseline, in words; ± is half of the 95 % interval of the
    difference. The n-grams alone are part of the model, so what it has more is from the LSTM."""
    from lstmctl.evaluation.baselines import TITLES

    points, half = 100 * abs(vs_baseline.difference), 50 * (vs_baseline.high - vs_baseline.low)
    by = f"{points:.1f} ±{half:.1f} points"
    title, better = TITLES[baseline], vs_baseline.difference > 0
    if vs_baseline.distinguishable and not better:
        return f"below {title} by {by} · word counts are enough here"
    if points < 0.05:
        said = f"level with {title} (±{half:.1f} points)"
    elif baseline == "ngrams" and better:
        said = f"the LSTM adds {by} to the {title}"
    else:
        said = f"{'above' if better else 'below'} {title} by {by}"
    return said if vs_baseline.distinguishable else f"{said} · no significant difference on {vs_baseline.n:,} texts"


def _lstm(model: "ModelConfig", ensemble_size: int) -> str:
    """`LSTM 32`, `2 × BiLSTM 64`, or `LSTM 3 · 64` for an ensemble of three."""
    return (
        (f"{model.layers} × " if model.layers > 1 else "")
        + ("Bi" if model.bidirectional else "")
        + (f"LSTM {ensemble_size} · {model.units // ensemble_size}" if ensemble_size > 1 else f"LSTM {model.units}")
    )
