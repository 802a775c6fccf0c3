"""The loop on tiny data: it learns, reports, repeats itself exactly, and says when it diverges."""

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


def test_the_plan_needs_no_tensorflow():
    plan = prepare(dataset(), TRAINING, labels=("neg", "pos"))
    assert plan.vocabulary.words == ("film", "bad", "good")
    assert (plan.steps, plan.epochs, plan.unknown, plan.cut) == (10, 2, 0.0, 0.0)
    assert plan.baselines.naive_bayes == {"validation": 1.0, "test": 1.0}
    assert plan.baselines.majority == {"validation": 0.5, "test": 0.5}
    assert plan.train.truth.tolist() == [0, 1] * 40


def test_labels_keep_the_order_they_are_given_in():
    plan = prepare(dataset(), TRAINING, labels=("pos", "neg"))
    assert plan.train.truth.tolist() == [1, 0] * 40
    assert plan.model.positive == "neg"


def test_words_beyond_the_vocabulary_are_unknown_and_long_texts_are_cut():
    config = TrainConfig(**{**TRAINING.to_dict(), "vocab_size": 4, "max_len": 3})
    plan = prepare(dataset(good="a a a b b c"), config, labels=("neg", "pos"))
    assert plan.vocabulary.words == ("a", "b")
    assert plan.train.ids[1].tolist() == [3, 3, 1]  # b b c, the last three words
    assert plan.cut == 0.5
    assert plan.unknown == pytest.approx(3 / 8)  # c, bad and film


def test_texts_without_a_word_cannot_be_learned_from():
    with pytest.raises(BadData, match="no words"):
        prepare(dataset(good="…", bad="!"), TRAINING, labels=("neg", "pos"))


def test_a_dataset_without_a_test_part_has_no_floors_for_it():
    plan = prepare(dataset(test=0), TRAINING, labels=("neg", "pos"))
    assert set(plan.baselines.naive_bayes) == {"validation"}


def start(plan, *, kernel="fused", parts=2):
    from lstmctl.training import forward
    from lstmctl.training import network as networks
    from lstmctl.training.fit import Fit

    training = plan.training
    network = networks.start(
        plan.model,
        ensemble_size=training.ensemble_size,
        dropout=training.dropout,
        seed=training.seed,
        embedding=plan.starting_embedding(),
    )
    return Fit(network, plan, read=forward.kernel(kernel, parts=parts))


def run(plan):
    fitting = start(plan)
    records = [event for event in fitting if isinstance(event, EpochRecord)]
    return records, fitting.weights()


def planned(**changes):
    return prepare(dataset(), replace(TRAINING, **changes), labels=("neg", "pos"))


@pytest.mark.training
def test_it_learns_and_one_seed_gives_one_model():
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
def test_what_it_does_does_not_depend_on_how_it_is_divided(shape, monkeypatch):
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
def test_a_training_that_goes_on_elsewhere_ends_with_the_same_bits(shape, monkeypatch):
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
        rows = [[replace(record, seconds=0.0) for record in each.state.history] for each in (straight, other)]
        assert rows[0] == rows[1]


@pytest.mark.training
def test_padding_is_never_trained():
    before, (_, weights) = start(planned()).weights()["embedding"][0], run(planned())
    np.testing.assert_array_equal(weights["embedding"][0], before)


@pytest.mark.training
@pytest.mark.parametrize("step", [2, 6])
def test_divergence_is_said_with_its_step_and_a_hint(step, monkeypatch):
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
def test_early_stopping_ends_after_epochs_without_progress():
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
def test_when_time_is_up_what_was_learned_becomes_an_epoch(monkeypatch):
    from lstmctl.training import fit

    monkeypatch.setattr(fit, "CHUNK_SECONDS", 0.0)
    fitting = start(planned(epochs=1000, time_limit=1.0))
    for event in fitting:
        if isinstance(event, fit.Progress) and fitting.done == 13:
            fitting.state = replace(fitting.state, seconds=2.0)
    assert [record.epoch for record in fitting.state.history] == [1, 2]
    assert fitting.state.history[-1].accuracy > 0


@pytest.mark.training
def test_balanced_weights_are_those_of_scikit_learn_and_count():
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
def test_the_rate_warms_up_and_then_falls_to_zero():
    from lstmctl.training.steps import WarmUp

    rate = WarmUp(1.0, warmup=10, total=110)
    values = [float(rate(step)) for step in range(110)]
    assert values[0] == pytest.approx(0.1)
    assert max(values) == pytest.approx(1.0)
    assert values.index(max(values)) in (9, 10)
    assert values[-1] == pytest.approx(0.01)
    assert all(later < earlier for earlier, later in zip(values[10:], values[11:], strict=False))
