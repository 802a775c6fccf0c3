"""The loop on tiny data: it learns, reports, repeats itself exactly, and says when it diverges."""

import numpy as np
import pytest

from lstmctl.config import DataConfig, TrainConfig
from lstmctl.data import Dataset, Example
from lstmctl.errors import AnsweredNo, BadData
from lstmctl.history import EpochRecord
from lstmctl.training.prepare import prepare

TRAINING = TrainConfig(epochs=2, units=8, embedding_dim=8, batch_size=8, learning_rate=0.02, dropout=0.1, max_len=20)


def dataset(train=80, validation=30, test=20, *, good="good film", bad="bad film"):
    def examples(count):
        return tuple(Example(good if n % 2 else bad, "pos" if n % 2 else "neg", n) for n in range(count))

    return Dataset("tiny", DataConfig(), "0" * 64, ("neg", "pos"), *map(examples, (train, validation, test)))


def test_the_plan_needs_no_tensorflow():
    plan = prepare(dataset(), TRAINING, labels=("neg", "pos"))
    assert plan.vocabulary.words == ("film", "bad", "good")
    assert (plan.steps, plan.epochs, plan.unknown, plan.cut) == (10, 2, 0.0, 0.0)
    assert plan.floors.naive_bayes == {"validation": 1.0, "test": 1.0}
    assert plan.floors.majority == {"validation": 0.5, "test": 0.5}
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
    assert set(plan.floors.naive_bayes) == {"validation"}


def run(plan):
    from lstmctl.training import network as networks
    from lstmctl.training.fit import fit

    network = networks.build(plan.model, dropout=plan.training.dropout, seed=plan.training.seed)
    records = [event for event in fit(network, plan) if isinstance(event, EpochRecord)]
    return records, networks.weights(network)


@pytest.mark.training
def test_it_learns_and_one_seed_gives_one_model():
    plan = prepare(dataset(), TRAINING, labels=("neg", "pos"))
    (records, weights), (again, same) = run(plan), run(plan)
    assert [record.epoch for record in records] == [1, 2]
    assert records[-1].val_accuracy == 1.0
    assert records[-1].val_loss < records[0].val_loss
    assert 0 < records[-1].val_low < records[-1].val_high == 1.0
    for name, value in weights.items():
        np.testing.assert_array_equal(value, same[name])
    assert [record.loss for record in records] == [record.loss for record in again]


@pytest.mark.training
def test_padding_is_never_trained():
    plan = prepare(dataset(), TRAINING, labels=("neg", "pos"))
    from lstmctl.training import network as networks

    before = networks.weights(networks.build(plan.model, dropout=0.1, seed=0))["embedding"][0]
    _, weights = run(plan)
    np.testing.assert_array_equal(weights["embedding"][0], before)


@pytest.mark.training
def test_divergence_is_said_with_a_hint():
    config = TrainConfig(
        **{**TRAINING.to_dict(), "learning_rate": 10.0, "schedule": "constant", "optimizer": "rmsprop"}
    )
    plan = prepare(dataset(), config, labels=("neg", "pos"))
    from lstmctl.training import network as networks
    from lstmctl.training.fit import fit

    network = networks.build(plan.model, dropout=0.0, seed=0)
    poisoned = networks.weights(network)
    poisoned["head.bias"][:] = np.nan
    networks.assign(network, poisoned)
    with pytest.raises(AnsweredNo, match="diverged in epoch 1 at step 1") as raised:
        list(fit(network, plan))
    assert raised.value.hint == "try a smaller learning rate: --lr 1"


@pytest.mark.training
def test_the_rate_warms_up_and_then_falls_to_zero():
    from lstmctl.training.fit import WarmUpThenLinear

    rate = WarmUpThenLinear(1.0, warmup=10, total=110)
    values = [float(rate(step)) for step in range(110)]
    assert values[0] == pytest.approx(0.1)
    assert max(values) == pytest.approx(1.0)
    assert values.index(max(values)) in (9, 10)
    assert values[-1] == pytest.approx(0.01)
    assert all(later < earlier for earlier, later in zip(values[10:], values[11:], strict=False))
