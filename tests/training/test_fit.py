"""The training loop on tiny data: it learns, reports, is reproducible to the bit, and detects divergence."""

from dataclasses import replace

import numpy as np
import pytest

from lstmctl.config import DataConfig, TrainConfig
from lstmctl.data.columns import Example
from lstmctl.data.datasets import Dataset
from lstmctl.errors import BadData, TrainingDiverged
from lstmctl.history import EpochRecord
from lstmctl.training.prepare import prepare

TRAINING = TrainConfig(epochs=2, units=8, embedding_dim=8, batch_size=8, learning_rate=0.02, dropout=0.1, max_len=20)


def dataset(train=80, validation=30, test=20, *, good="good film", bad="bad film"):
    def examples(count):
        return tuple(Example(n, good if n % 2 else bad, "pos" if n % 2 else "neg") for n in range(count))

    return Dataset("tiny", DataConfig(), "0" * 64, ("neg", "pos"), *map(examples, (train, validation, test)))


def test_plan():
    plan = prepare(dataset(), TRAINING, labels=("neg", "pos"))
    assert plan.vocabulary.words == ("film", "bad", "good")
    assert (plan.steps, plan.epochs, plan.unknown, plan.cut) == (10, 2, 0.0, 0.0)
    assert plan.baselines.naive_bayes == {"validation": 1.0, "test": 1.0}
    assert plan.baselines.majority == {"validation": 0.5, "test": 0.5}
    assert plan.train.truth.tolist() == [0, 1] * 40


def test_plan_keeps_the_order_of_labels():
    plan = prepare(dataset(), TRAINING, labels=("pos", "neg"))
    assert plan.train.truth.tolist() == [1, 0] * 40
    assert plan.model.positive == "neg"


def test_plan_truncates_vocabulary_and_texts():
    config = TrainConfig(**{**TRAINING.to_dict(), "vocab_size": 4, "max_len": 3})
    plan = prepare(dataset(good="a a a b b c"), config, labels=("neg", "pos"))
    assert plan.vocabulary.words == ("a", "b")
    assert plan.train.ids[1].tolist() == [3, 3, 1]  # b b c, the last three words
    assert plan.cut == 0.5
    assert plan.unknown == pytest.approx(3 / 8)  # c, bad and film


def test_unlabelled_texts_are_tokenized_once(monkeypatch):
    """They add words to the vocabulary, but leave baselines and findings alone, and no text is tokenized twice."""
    from collections import Counter

    from lstmctl.data import word_ids

    calls, tokenize = Counter(), word_ids.tokenize
    monkeypatch.setattr(word_ids, "tokenize", lambda text: calls.update([text]) or tokenize(text))
    data, more = dataset(), ["new film", "another new bad film"]
    plain = prepare(data, TRAINING, labels=("neg", "pos"))
    calls.clear()
    plan = prepare(data, TRAINING, labels=("neg", "pos"), unlabelled=more)
    assert sum(calls.values()) == len([*data.train, *data.validation, *data.test, *more])
    assert plan.vocabulary.words == ("film", "bad", "good", "new", "another")
    assert plan.vocabulary.counts == (82, 41, 40, 2, 1)
    assert (plan.baselines.naive_bayes, plan.findings) == (plain.baselines.naive_bayes, plain.findings)
    assert [ids.tolist() for ids in plan.train.ids[:2]] == [[3, 2], [4, 2]]


def test_texts_without_words():
    with pytest.raises(BadData, match="no words"):
        prepare(dataset(good="…", bad="!"), TRAINING, labels=("neg", "pos"))


def test_baselines_without_a_test_part():
    plan = prepare(dataset(test=0), TRAINING, labels=("neg", "pos"))
    assert set(plan.baselines.naive_bayes) == {"validation"}


def start(plan, *, kernel="fused", parts=2):
    from lstmctl.training import forward
    from lstmctl.training import network as networks
    from lstmctl.training.fit import Fit

    return Fit(networks.start(plan), plan, read=forward.kernel(kernel, parts=parts))


def run(plan):
    fitting = start(plan)
    records = [event for event in fitting if isinstance(event, EpochRecord)]
    return records, fitting.weights()


def planned(**changes):
    return prepare(dataset(), replace(TRAINING, **changes), labels=("neg", "pos"))


@pytest.mark.training
def test_learning_is_reproducible():
    (records, weights), (again, same) = run(planned()), run(planned())
    assert [record.epoch for record in records] == [1, 2]
    assert records[-1].val_accuracy == 1.0
    assert records[-1].val_loss < records[0].val_loss
    assert 0 < records[-1].val_low < records[-1].val_high == 1.0
    for name, value in weights.items():
        np.testing.assert_array_equal(value, same[name])
    assert [record.loss for record in records] == [record.loss for record in again]


ALL = {
    "bidirectional": True,
    "pooling": "last+max",
    "word_dropout": 0.2,
    "output_dropout": 0.3,
    "schedule": "cosine",
}


@pytest.mark.training
@pytest.mark.parametrize(
    "shape",
    [{}, {"layers": 2, "padding": "pre", "optimizer": "adam", "clip_norm": 1.0, **ALL}],
    ids=["plain", "all"],
)
def test_division_into_chunks_changes_nothing(shape, monkeypatch):
    """Chunks of one step, or all steps of an epoch in one: the same bits; and the stock layer: nearly the same."""
    from lstmctl.training import fit

    plan = planned(**shape)
    weights = {}
    for seconds in (0.0, 100.0):
        monkeypatch.setattr(fit, "CHUNK_SECONDS", seconds)
        fitting = start(plan)
        events = [event for event in fitting if isinstance(event, fit.Progress)]
        assert len(events) == (20 if seconds == 0 else 4)  # of 10 steps: 1, 4, 5; then 10
        weights[seconds] = fitting.weights()
    stock = start(plan, kernel="keras")
    list(stock)
    for name, value in stock.weights().items():
        np.testing.assert_array_equal(weights[0.0][name], weights[100.0][name])
        np.testing.assert_allclose(weights[0.0][name], value, atol=2e-4)


@pytest.mark.training
@pytest.mark.parametrize(
    "shape", [{}, {"padding": "pre", "layers": 2, "optimizer": "adam", **ALL}], ids=["plain", "all"]
)
def test_restored_state_continues_identically(shape, monkeypatch):
    from lstmctl.training import fit

    monkeypatch.setattr(fit, "CHUNK_SECONDS", 0.0)
    plan = planned(**shape)
    straight, other = start(plan), start(plan)
    stops = {}
    for _ in straight:
        stops[straight.done] = straight.state, straight.weights(), straight.optimizer_arrays()
    assert sorted(stops) == list(range(1, 21))
    for step in (13, 1, 10, 9, 20):
        other.restore(*stops[step])
        list(other)
        for name, value in straight.weights().items():
            np.testing.assert_array_equal(value, other.weights()[name])
        rows = [[replace(record, seconds=0.0) for record in fitting.state.history] for fitting in (straight, other)]
        assert rows[0] == rows[1]


@pytest.mark.training
def test_padding_is_not_trained():
    before, (_, weights) = start(planned()).weights()["embedding"][0], run(planned())
    np.testing.assert_array_equal(weights["embedding"][0], before)


@pytest.mark.training
@pytest.mark.parametrize("step", [2, 6])
def test_divergence_is_an_error(step, monkeypatch):
    from lstmctl.training import fit

    monkeypatch.setattr(fit, "CHUNK_SECONDS", 100.0)  # chunks of 1, 4 and 5 steps
    fitting = start(planned(schedule="constant", learning_rate=10.0))
    with pytest.raises(TrainingDiverged, match=f"diverged in epoch 1 at step {step}:") as raised:
        for _ in fitting:
            if fitting.done == step - 1:
                fitting.network.get_layer("head").bias.assign([np.nan])
        pytest.fail("it went on")
    assert raised.value.hint == "try a smaller learning rate: --lr 1"


@pytest.mark.training
def test_early_stopping():
    fitting = start(planned(epochs=30, early_stopping=2, learning_rate=1e-8, schedule="constant", dropout=0.0))
    losses = iter([5.0, 4.0, 4.5, 4.2, 3.0])
    for event in fitting:
        if isinstance(event, EpochRecord):
            history = fitting.state.history[:-1]
            fitting.state = replace(
                fitting.state, history=(*history, replace(event, val_loss=next(losses), val_calibrated_loss=None))
            )
    assert [record.val_loss for record in fitting.state.history] == [5.0, 4.0, 4.5, 4.2]


@pytest.mark.training
def test_time_limit_ends_the_epoch(monkeypatch):
    from lstmctl.training import fit

    monkeypatch.setattr(fit, "CHUNK_SECONDS", 0.0)
    fitting = start(planned(epochs=1000, time_limit=1.0))
    for event in fitting:
        if isinstance(event, fit.Progress) and fitting.done == 13:
            fitting.state = replace(fitting.state, seconds=2.0)
    assert [record.epoch for record in fitting.state.history] == [1, 2]
    assert fitting.state.history[-1].accuracy > 0


@pytest.mark.training
def test_balanced_label_weights():
    from sklearn.utils.class_weight import compute_class_weight

    from lstmctl.training.steps import label_weights

    truth = np.random.default_rng(0).choice(3, 500, p=[0.9, 0.07, 0.03])
    ours = label_weights(truth, replace(TRAINING, class_weight="balanced"), labels=3)
    np.testing.assert_allclose(ours, compute_class_weight("balanced", classes=np.arange(3), y=truth), rtol=1e-6)
    assert label_weights(truth, TRAINING, labels=3).tolist() == [1, 1, 1]
    rare = dataset()
    rare = replace(rare, train=tuple(example for example in rare.train if example.label == "neg" or example.row < 10))
    lost = {}
    for kind in ("none", "balanced"):
        plan = prepare(rare, replace(TRAINING, class_weight=kind, learning_rate=1e-6), labels=("neg", "pos"))
        (record, *_), _ = run(plan)
        lost[kind] = record.loss
    assert lost["none"] != pytest.approx(lost["balanced"], abs=1e-5)


@pytest.mark.training
def test_learning_rate_schedule():
    from lstmctl.training.steps import WarmUp

    rate = WarmUp(1.0, warmup=10, total=110)
    values = [float(rate(step)) for step in range(110)]
    assert values[0] == pytest.approx(0.1)
    assert max(values) == pytest.approx(1.0)
    assert values.index(max(values)) in (9, 10)
    assert values[-1] == pytest.approx(0.01)
    assert all(later < earlier for earlier, later in zip(values[10:], values[11:], strict=False))
