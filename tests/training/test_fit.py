"""The training loop on tiny data: it learns, reports, is reproducible to the bit, and detects divergence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lstmctl.config import DataConfig, TrainConfig
from lstmctl.data.columns import Example
from lstmctl.data.datasets import Dataset
from lstmctl.errors import BadData, TrainingDiverged
from lstmctl.history import EpochRecord
from lstmctl.training.prepare import prepare

TRAINING = TrainConfig(
    epochs=2, units=8, embedding_dim=8, batch_size=8, learning_rate=0.02, dropout=0.1, max_len=20, vectors="none"
)
LABELS = ("neg", "pos")


def dataset(train=80, validation=30, test=20, *, good="good film", bad="bad film", more=lambda n: ""):
    def examples(count):
        return tuple(Example(n, (good if n % 2 else bad) + more(n), "pos" if n % 2 else "neg") for n in range(count))

    return Dataset("tiny", DataConfig(), "0" * 64, LABELS, *map(examples, (train, validation, test)))


def more_words(n):
    return f" v{n % 7} w{n % 11} v{n % 5}" * (1 + n % 3)


def varied():
    """The same with other words in each text, and for each ninth the wrong label."""
    data = dataset(more=more_words)
    swapped = {"neg": "pos", "pos": "neg"}
    parts = {
        part: tuple(
            example._replace(label=swapped[example.label]) if example.row % 9 == 4 else example
            for example in getattr(data, part)
        )
        for part in ("train", "validation", "test")
    }
    return replace(data, **parts)


def plan_of(data, training=TRAINING, *, labels=LABELS, **options):
    return prepare(data, training, labels=labels, home=Path("/nowhere"), **options)


def test_plan():
    plan = plan_of(dataset())
    assert plan.vocabulary.words == ("film", "bad", "good")
    assert (plan.steps, plan.epochs, plan.unknown, plan.cut) == (10, 2, 0.0, 0.0)
    assert plan.baselines.accuracy["naive_bayes"] == {"validation": 1.0, "test": 1.0}
    assert plan.baselines.majority == {"validation": 0.5, "test": 0.5}
    assert plan.train.truth.tolist() == [0, 1] * 40
    assert (plan.ngrams, plan.vectors, plan.train.ngrams) == (None, None, None)
    assert (plan.ensemble_size, plan.embedding_rate) == (2, 1.0)  # few texts; vectors of its own


def test_baselines():
    """TF-IDF stands in for the n-grams of a model that has none; the strongest on the validation texts is compared."""
    plain, counting = (plan_of(varied(), replace(TRAINING, ngrams=ngrams)).baselines for ngrams in ("none", "2"))
    assert set(plain.accuracy) == set(plain.f1) == set(plain.predicted) == {"naive_bayes", "tfidf"}
    assert set(counting.accuracy) == {"naive_bayes", "ngrams"}
    for baselines in (plain, counting):
        scores = {name: accuracy["validation"] for name, accuracy in baselines.accuracy.items()}
        assert scores[baselines.strongest] == max(scores.values()) > baselines.majority["validation"]
        assert set(baselines.to_dict()) == {"majority_label", "majority", *scores, *(f"{name}_f1" for name in scores)}


def test_plan_with_ngrams():
    """Learned from training and validation texts; those parts have what is known of them out of fold."""
    plan = plan_of(varied(), replace(TRAINING, ngrams="2"))
    assert plan.model.validate().ngram_order in (1, 2)
    assert {name: tensor.shape for name, tensor in plan.ngrams.items()} == plan.model.ngram_shapes()
    for part in (plan.train, plan.validation):
        words = sum(map(len, part.ids))
        assert part.ngrams.inputs.shape == (words, plan.model.ngram_inputs)
        assert part.ngrams.logits.shape == (len(part), 1)
    assert plan.test.ngrams is None
    assert ((plan.train.ngrams.logits[:, 0] > 0) == plan.train.truth).mean() > 0.85
    weights = {"head.bias": np.ones(1, np.float32)}
    tensors = plan.tensors(weights, temperature=2.0)
    assert tensors["head.bias"] is weights["head.bias"]
    for name in ("ngrams.scale", "ngrams.bias"):
        assert tensors[name].dtype == np.float32
        np.testing.assert_array_equal(2 * tensors[name], plan.ngrams[name])
    np.testing.assert_array_equal(2 * plan.validation_ngrams(2.0).logits, plan.validation.ngrams.logits)
    assert plan.validation_ngrams(2.0).inputs is plan.validation.ngrams.inputs


def test_plan_without_ngrams_to_learn():
    """No word is frequent enough to be known: the model has none."""
    data = dataset(good="good", bad="bad", more=lambda n: f" w{n}")
    plan = plan_of(data, replace(TRAINING, ngrams="3", min_count=50))
    assert (plan.model.ngrams, plan.model.ngram_count, plan.ngrams) == ("none", 0, None)
    plan.model.validate()
    assert plan.train.ngrams is None


def test_plan_with_vectors_of_its_own():
    plan = plan_of(varied(), replace(TRAINING, vectors="own", embedding_dim=5))
    assert (plan.vectors.name, plan.vectors.vectors.shape) == ("own", (plan.model.vocab_size, 5))
    assert plan.embedding_rate == 0  # few texts
    assert plan.training.vectors == "own"
    assert plan_of(varied(), replace(TRAINING, vectors="own", vectors_rate=0.3)).embedding_rate == 0.3
    resumed = plan_of(varied(), replace(TRAINING, vectors="own"), vectors=False)
    assert (resumed.vectors, resumed.training.vectors, resumed.embedding_rate) == (None, "own", 0)


def test_plan_with_vectors_from_a_file(tmp_path):
    """Their size is that of the file, also when the run is resumed; words without a vector have zeros."""
    path = tmp_path / "vectors.txt"
    path.write_text("film 1 2 3\ngood 4 5 6\nother 7 8 9\n")
    training = replace(TRAINING, vectors=str(path))
    for vectors in (True, False):
        plan = plan_of(dataset(), training, vectors=vectors)
        assert plan.model.embedding_dim == 3
        film, bad, good = plan.vectors.vectors[2:]
        np.testing.assert_allclose(good / film, [4, 2.5, 2], rtol=1e-6)
        assert not bad.any()
        assert np.stack([film, good]).std() == pytest.approx(0.2)
        assert plan.vectors.coverage == pytest.approx(0.75)
    assert plan.training.vectors == str(path)


def test_waiting_is_announced():
    from contextlib import contextmanager

    said = []

    @contextmanager
    def waiting(activity):
        said.append(activity)
        yield

    plan_of(varied(), replace(TRAINING, vectors="own", ngrams="1"), waiting=waiting)
    assert said == ["learning the vocabulary", "fitting the n-gram model", "learning word vectors"]


def test_plan_keeps_the_order_of_labels():
    plan = plan_of(dataset(), labels=("pos", "neg"))
    assert plan.train.truth.tolist() == [1, 0] * 40
    assert plan.model.positive == "neg"


def test_plan_truncates_vocabulary_and_texts():
    config = TrainConfig(**{**TRAINING.to_dict(), "vocab_size": 4, "max_len": 3})
    plan = plan_of(dataset(good="a a a b b c"), config)
    assert plan.vocabulary.words == ("a", "b")
    assert plan.train.ids[1].tolist() == [3, 3, 1]  # b b c, the last three words
    assert plan.cut == 0.5
    assert plan.unknown == pytest.approx(3 / 8)  # c, bad and film


def test_unlabelled_texts_are_tokenized_once(monkeypatch):
    """They add words to the vocabulary, but leave baselines and findings alone, and no text is tokenized twice."""
    from collections import Counter

    from lstmctl.data import word_ids

    calls, tokenize = Counter(), word_ids.tokenize
    monkeypatch.setattr(word_ids, "tokenize", lambda text, kind: calls.update([text]) or tokenize(text, kind))
    data, more = dataset(), ["new film", "another new bad film"]
    plain = plan_of(data)
    calls.clear()
    plan = plan_of(data, unlabelled=more)
    assert sum(calls.values()) == len([*data.train, *data.validation, *data.test, *more])
    assert plan.vocabulary.words == ("film", "bad", "good", "new", "another")
    assert plan.vocabulary.counts == (82, 41, 40, 2, 1)
    assert (plan.baselines.to_dict(), plan.findings) == (plain.baselines.to_dict(), plain.findings)
    assert [ids.tolist() for ids in plan.train.ids[:2]] == [[3, 2], [4, 2]]


def test_texts_without_words():
    with pytest.raises(BadData, match="no words"):
        plan_of(dataset(good="…", bad="!"))
    assert plan_of(dataset(good="…", bad="!"), replace(TRAINING, tokenizer="words-2")).vocabulary.words == ("!", "...")


def test_baselines_without_a_test_part():
    plan = plan_of(dataset(test=0))
    assert set(plan.baselines.accuracy["naive_bayes"]) == {"validation"}


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
    data = varied() if "ngrams" in changes else dataset()
    return plan_of(data, replace(TRAINING, **{"ensemble_size": 1, **changes}))


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


NGRAMS = {**ALL, "pooling": "last+max+mean", "ngrams": "2", "vectors": "own", "vectors_rate": 0.3, "optimizer": "adam"}


@pytest.mark.training
@pytest.mark.parametrize(
    "shape",
    [
        {},
        pytest.param(
            {"layers": 2, "padding": "pre", "optimizer": "adam", "clip_norm": 1.0, **ALL}, marks=pytest.mark.long
        ),
        pytest.param(NGRAMS, marks=pytest.mark.long),
    ],
    ids=["plain", "all", "n-grams"],
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
    "shape",
    [
        {},
        pytest.param({"padding": "pre", "layers": 2, "optimizer": "adam", **ALL}, marks=pytest.mark.long),
        pytest.param({**NGRAMS, "ensemble_size": 2}, marks=pytest.mark.long),
    ],
    ids=["plain", "all", "n-grams"],
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
def test_first_predictions_are_those_of_the_ngrams():
    """Before the first step; and each training text is read with weights that were learned without it."""
    from lstmctl.model.classifier import Classifier

    plan = planned(ngrams="2", pooling="last+max")
    classifier = Classifier(plan.model, plan.vocabulary, plan.tensors(start(plan).weights()))
    logits = classifier.logits(plan.train.ids)[:, 1:]
    np.testing.assert_array_equal(logits, classifier.ngram_parts(plan.train.ids).logits)
    assert (logits != plan.train.ngrams.logits).all()


@pytest.mark.training
def test_perfect_ngrams_leave_something_to_learn():
    """Where they tell all labels, they are not so sure that no loss is left, and the LSTM is trained."""
    plan = plan_of(dataset(more=more_words), replace(TRAINING, ngrams="2", ensemble_size=1))
    fitting = start(plan)
    before = fitting.weights()
    records = [event for event in fitting if isinstance(event, EpochRecord)]
    assert records[-1].val_accuracy == 1
    assert records[0].loss > 0 and records[-1].val_loss > 0
    for name, value in fitting.weights().items():
        assert (value != before[name]).mean() > 0.5, name


@pytest.mark.training
def test_step_reads_ngrams_out_of_fold():
    """The batch of a step has the inputs of its texts, and the loss has their logits."""
    import tensorflow as tf

    from lstmctl.evaluation.metrics import log_loss
    from lstmctl.model.classifier import Classifier, softmax

    plan = planned(ngrams="2", dropout=0.0, word_dropout=0.0, learning_rate=1e-8)
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=plan.train.ngrams.inputs.shape).astype(np.float16).astype(np.float32)
    parts = plan.train.ngrams._replace(inputs=inputs, logits=generator.normal(size=(80, 1)))
    plan = replace(plan, train=replace(plan.train, ngrams=parts))
    fitting = start(plan)
    head = fitting.network.get_layer("head").kernel
    head.assign(generator.normal(size=head.shape))
    texts = [5, 17, 3]
    words, lengths, seen = fitting._steps._batch(tf.constant(texts))
    for row, length, text in zip(np.asarray(seen), np.asarray(lengths), texts, strict=True):
        assert length == plan.train.ids[text].size
        np.testing.assert_array_equal(row[:length], parts.of(plan.train.ids, text, text + 1).inputs)
        assert not row[length:].any()
    assert words.shape == seen.shape[:2]
    classifier = Classifier(plan.model, plan.vocabulary, plan.tensors(fitting.weights()))
    expected = log_loss(softmax(classifier.logits(plan.train.ids, ngrams=parts)), plan.train.truth)
    record = next(event for event in fitting if isinstance(event, EpochRecord))
    assert record.loss == pytest.approx(expected, abs=1e-4)
    assert expected != pytest.approx(log_loss(softmax(classifier.logits(plan.train.ids)), plan.train.truth), abs=1e-2)


@pytest.mark.training
def test_validation_reads_ngrams_out_of_fold():
    from lstmctl.evaluation.metrics import log_loss
    from lstmctl.model.classifier import Classifier, softmax

    plan = planned(ngrams="2", epochs=1)
    parts = plan.validation.ngrams._replace(logits=np.random.default_rng(0).normal(size=(30, 1)))
    plan = replace(plan, validation=replace(plan.validation, ngrams=parts))
    records, weights = run(plan)
    classifier = Classifier(plan.model, plan.vocabulary, plan.tensors(weights))
    expected = log_loss(softmax(classifier.logits(plan.validation.ids, ngrams=parts)), plan.validation.truth)
    assert records[0].val_loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.training
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
@pytest.mark.parametrize("size", [1, 2])
def test_learning_rate_of_vectors(optimizer, size):
    """Vectors start as given. With rate 0 they stay; a tenth of the rate is a tenth of the first step."""
    moved = {}
    for rate in (0.0, 0.1, 1.0):
        plan = planned(vectors="own", vectors_rate=rate, optimizer=optimizer, ensemble_size=size, clip_norm=1.0)
        assert plan.embedding_rate == rate
        fitting = start(plan)
        before = fitting.weights()
        np.testing.assert_array_equal(before["embedding"], plan.vectors.vectors)
        next(event for event in fitting if fitting.done == 1)
        after = fitting.weights()
        moved[rate] = after["embedding"] - before["embedding"]
        assert (after["head.kernel"] != before["head.kernel"]).all()
    assert not moved[0.0].any()
    assert np.abs(moved[1.0]).max() > 1e-4
    np.testing.assert_allclose(moved[0.1], 0.1 * moved[1.0], atol=1e-7 * max(1, 1e7 * np.abs(moved[1.0]).max() * 1e-3))


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
        plan = plan_of(rare, replace(TRAINING, class_weight=kind, learning_rate=1e-6, ensemble_size=1))
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
