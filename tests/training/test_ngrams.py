"""N-grams learned from texts: no text is read with weights that know its label."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

from lstmctl.config import FIRST_WORD, ModelConfig
from lstmctl.data.word_ids import truncate_ids
from lstmctl.evaluation.calibration import lowest_log_loss
from lstmctl.model.classifier import both_labels, softmax
from lstmctl.model.ngrams import NgramTable, check_table, ngram_keys
from lstmctl.training import ngrams
from lstmctl.training.ngrams import FOLDS, Setting, fit_ngrams

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WORDS, LABELS = 40, ("neg", "pos")


def model_of(labels=LABELS, order=3):
    return ModelConfig(labels=tuple(labels), vocab_size=WORDS, max_len=50, ngrams=str(order), ngram_count=1)


def texts_of(count=120, *, labels=2, seed=0):
    """Texts whose label is told by a word of its own, by the order of two words that all have, or not at all."""
    generator = np.random.default_rng(seed)
    texts, truth = [], np.arange(count) % labels
    for label in truth:
        text = generator.integers(10, WORDS, generator.integers(2, 12))
        if generator.random() < 0.7:
            text[0] = 2 + label % 8
        text[generator.integers(len(text))] = 1  # unknown
        texts.append(np.concatenate([text, [10, 11] if label % 2 else [11, 10]]).astype(np.int32))
    return texts, truth.astype(np.int64)


def fit(texts, truth, model=None):
    fitted = fit_ngrams(texts, truth, model or model_of())
    check_table(fitted.tensors, fitted.config(model or model_of()))
    return fitted


def only(monkeypatch, factor, c):
    """Let the cross-validation choose from a single setting."""
    monkeypatch.setattr(ngrams, "_LARGE", 0)
    monkeypatch.setattr(ngrams, "_SMALL", 0)
    monkeypatch.setattr(ngrams, "_TRIED_IF_MORE", [(factor, c)])


def folds_of(texts, truth):
    return ngrams._folds(texts, truth)


def test_learns_words_and_their_order():
    texts, truth = texts_of()
    fitted = fit(texts, truth)
    assert fitted.order > 1
    predicted = fitted.out_of_fold.logits[:, 0] > 0
    assert (predicted == truth).mean() > 0.95
    new, new_truth = texts_of(seed=1)
    config = fitted.config(model_of())
    assert {name: tensor.shape for name, tensor in fitted.tensors.items()} == config.ngram_shapes()
    logits = NgramTable(config, fitted.tensors).parts(new).logits
    assert ((logits[:, 0] > 0) == new_truth).mean() > 0.95
    # Out of fold they are calibrated: no other temperature is better, but where there are no mistakes.
    own = -np.mean(np.log(1 / (1 + np.exp(-fitted.out_of_fold.logits[:, 0] * (2 * truth - 1)))))
    best = lowest_log_loss(both_labels(fitted.out_of_fold.logits), truth)
    assert own == pytest.approx(best, abs=1e-6 if (predicted != truth).any() else 0.01)


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("factor", ["ratio", "idf"])
def test_own_label_does_not_matter(labels, factor, monkeypatch):
    """Fold by fold: with other labels in a fold, what its own texts are told stays the same, up to the common factors;
    what others are told changes."""
    texts, truth = texts_of(labels=labels)
    model, folds = model_of("abc"[:labels] if labels == 3 else LABELS), folds_of(texts, truth)
    only(monkeypatch, factor, 10.0)
    monkeypatch.setattr(ngrams, "_folds", lambda texts, truth: folds)
    before = fit(texts, truth, model).out_of_fold
    for fold in range(FOLDS):
        own = folds == fold
        after = fit(texts, np.where(own, (truth + 1) % labels, truth), model).out_of_fold
        ratio = after.logits[own] / before.logits[own]
        np.testing.assert_allclose(ratio, ratio.flat[0], rtol=1e-12)
        words = np.repeat(own, [text.size for text in texts])
        old, new = before.inputs[words], after.inputs[words]
        np.testing.assert_array_equal(old != 0, new != 0)
        ratio = new[new != 0] / old[old != 0]
        assert ratio.size > 100
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
        others = after.logits[~own] / before.logits[~own]
        assert np.ptp(others) > abs(np.median(others))


@pytest.mark.parametrize("factor", ["ratio", "idf", "bayes"])
def test_learner_of_a_fold_is_blind_to_it(factor):
    """To the bit, before any common factor: neither labels nor words of a fold reach the model that reads it."""
    texts, truth = texts_of()
    folds, compared = folds_of(texts, truth), 0
    learner, setting = ngrams._Learner(texts, truth, model_of()), Setting(3, factor, 10.0)
    np.testing.assert_array_equal(learner.folds, folds)
    for fold in range(FOLDS):
        own = folds == fold
        before = learner.fit(setting, fold)
        predicted = learner.predict(setting, fold)
        flipped = ngrams._Learner(texts, np.where(own, 1 - truth, truth), model_of())
        flipped.folds = folds
        assert flipped.fit(setting, fold).weights.tobytes() == before.weights.tobytes()
        assert flipped.fit(setting, fold).bias.tobytes() == before.bias.tobytes()
        assert flipped.predict(setting, fold).tobytes() == predicted.tobytes()
        other = flipped.fit(setting, (fold + 1) % FOLDS)
        assert (other.weights != learner.fit(setting, (fold + 1) % FOLDS).weights).any()
        # An n-gram that no other fold has, has no weight there.
        elsewhere = {key for text, is_own in zip(texts, own, strict=True) if not is_own for key in keys_in(text)}
        only_here = ~np.isin(learner.keys, list(elsewhere))
        assert not before.weights[only_here].any()
        compared += only_here.sum()
    assert compared > 100


def keys_in(text):
    return [key for own in ngram_keys([text], 3)[2] for key in own.tolist() if key]


def test_regression_is_the_one_of_scikit_learn():
    """One fold and output by hand, from texts to logits: factors, lengths and counts."""
    texts, truth = texts_of()
    learner = ngrams._Learner(texts, truth, model_of(order=2))
    fold = 3
    train = np.flatnonzero(learner.folds != fold)
    known = sorted({key for text in texts for own in ngram_keys([text], 2)[2] for key in own.tolist() if key})
    assert learner.keys.tolist() == known
    present = np.array([[key in set(keys) for key in known] for keys in map(keys_of_order_2, texts)], float)
    counts = present[train].sum(axis=0)
    features = present / np.sqrt([text.size for text in texts])[:, None]
    positive, negative = (present[train][truth[train] == label].sum(axis=0) + 1 for label in (1, 0))
    factors = {
        "ratio": np.log(positive / positive.sum()) - np.log(negative / negative.sum()),
        "idf": np.log((1 + train.size) / np.maximum(counts, 1)),
    }
    for name, every in factors.items():
        factor = every * (counts > 0)
        # Far more iterations, with the primal solver: the optimum that ours is close to.
        exact = LogisticRegression(C=1.0, solver="liblinear", max_iter=10_000, tol=1e-8)
        exact.fit(features[train] * factor, truth[train])
        expected = exact.decision_function(features[learner.folds == fold] * factor)
        ours = learner.predict(Setting(2, name, 1.0), fold)[:, 0]
        np.testing.assert_allclose(ours, expected, atol=0.02)
        assert np.ptp(expected) > 1


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("smoothing", [0.1, 1.0])
def test_naive_bayes_is_the_one_of_scikit_learn(labels, smoothing):
    """Of binary n-grams and labels of equal frequency: the differences between the logits of labels."""
    texts, truth = texts_of(labels=labels)
    learner, fold = ngrams._Learner(texts, truth, model_of("abc"[:labels], order=2)), 1
    train = learner.folds != fold
    present = learner.present.toarray()
    seen = present[train].any(axis=0)
    exact = MultinomialNB(alpha=smoothing, fit_prior=False).fit(present[train][:, seen], truth[train])
    expected = exact.predict_joint_log_proba(present[~train][:, seen]) / learner.length[~train, None]
    ours = both_labels(learner.predict(Setting(2, "bayes", smoothing), fold))
    np.testing.assert_allclose(ours - ours[:, :1], expected - expected[:, :1], atol=1e-4)


def test_naive_bayes_and_regression_are_mixed():
    """Where their sum has a lower log loss out of fold; the mixture is the sum of both models."""
    generator, truth = np.random.default_rng(0), np.arange(200) % 2
    chances = np.exp(generator.normal(0, 1, (2, 200)))
    chances /= chances.sum(axis=1, keepdims=True)
    texts = [(FIRST_WORD + generator.choice(200, 12, p=chances[label])).astype(np.int32) for label in truth]
    learner = ngrams._Learner(texts, truth, replace(model_of(order=1), vocab_size=300))
    mixture = ngrams._choose(learner, longest=1)
    assert [setting.kind == "bayes" for setting, _ in mixture] == [False, True]
    mixed, parts = learner.mix(mixture, 0), [(learner.fit(setting, 0), factor) for setting, factor in mixture]
    np.testing.assert_allclose(mixed.weights, sum(factor * part.weights for part, factor in parts), rtol=1e-5)
    np.testing.assert_allclose(mixed.bias, sum(factor * part.bias for part, factor in parts), rtol=1e-5)
    losses = []
    for chosen in ([mixture[0]], [mixture[1]], mixture):
        models = [learner.mix(chosen, fold) for fold in range(FOLDS)]
        logits = np.concatenate([learner._logits(model, learner.folds == fold) for fold, model in enumerate(models)])
        sorted_truth = np.concatenate([truth[learner.folds == fold] for fold in range(FOLDS)])
        losses.append(lowest_log_loss(both_labels(logits), sorted_truth))
    assert losses[2] < min(losses[:2])


@pytest.mark.parametrize("labels", [2, 3])
def test_balanced_labels(labels):
    """As if all were equally frequent: P(label | text) divided by P(label), and scaled to sum to 1."""
    texts, truth = texts_of(labels=labels)
    few = np.flatnonzero((truth > 0) | (np.arange(truth.size) % 5 == 0))
    texts, truth = [texts[index] for index in few], truth[few]
    fitted = fit(texts, truth, model_of("abc"[:labels]))
    balanced = fitted.balanced(truth, labels=labels)
    before, after = (softmax(both_labels(each.out_of_fold.logits)) for each in (fitted, balanced))
    expected = before / np.bincount(truth, minlength=labels)
    np.testing.assert_allclose(after, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)
    moved = balanced.tensors["ngrams.bias"] - fitted.tensors["ngrams.bias"]
    np.testing.assert_allclose(moved, (balanced.out_of_fold.logits - fitted.out_of_fold.logits)[0], rtol=1e-5)


def keys_of_order_2(text):
    return [key for own in ngram_keys([text], 2)[2] for key in own.tolist() if key]


def test_longest_ngram_of_the_setting():
    """A model of pairs has no triples, and a wider table would have other inputs."""
    texts, truth = texts_of()
    for order in (1, 2, 3):
        fitted = fit(texts, truth, model_of(order=order))
        assert fitted.order <= order
        config = fitted.config(model_of(order=order))
        assert config.ngram_order == fitted.order
        assert fitted.out_of_fold.inputs.shape == (sum(map(len, texts)), config.ngram_inputs)
        assert int(fitted.tensors["ngrams.keys"][-1]).bit_length() <= 21 * fitted.order


def test_finished_model_is_the_mean_of_the_folds():
    """On new texts its logits are the mean of those of the five models, and its inputs vary as intended."""
    texts, truth = texts_of()
    fitted = fit(texts, truth)
    learner = ngrams._Learner(texts, truth, model_of())
    mixture = ngrams._choose(learner, longest=3)
    folds = [learner.mix(mixture, fold) for fold in range(FOLDS)]
    table = NgramTable(fitted.config(model_of()), fitted.tensors)
    every = np.ones(len(texts), np.bool_)
    mean = np.mean([learner._logits(model, every) for model in folds], axis=0)
    ours = table.parts(texts).logits
    ratio = (ours / mean).ravel()
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=0.01)  # one temperature; weights are float16
    own = np.concatenate([learner._logits(model, learner.folds == fold) for fold, model in enumerate(folds)])
    sorted_out = np.concatenate([fitted.out_of_fold.logits[learner.folds == fold] for fold in range(FOLDS)])
    np.testing.assert_allclose((sorted_out / own).ravel(), np.median(ratio), rtol=0.01)
    inputs = table.parts(texts).inputs
    assert 0.2 < inputs[inputs != 0].std() < 0.5
    # The inputs of a text out of fold are those of the model of its fold, on the same scale.
    out_of_fold = fitted.out_of_fold.inputs
    assert np.corrcoef(inputs.ravel(), out_of_fold.ravel())[0, 1] > 0.7
    assert (out_of_fold != inputs).any()


def test_sum_of_inputs_gives_the_logits():
    """In texts without repeated n-grams, out of fold: inputs and logits come from the same weights."""
    texts, truth = texts_of()
    fitted = fit(texts, truth)
    scale, start = float(fitted.tensors["ngrams.scale"][0]), 0
    folds, rest = folds_of(texts, truth), []
    for text in texts:
        inputs = fitted.out_of_fold.inputs[start : start + text.size]
        start += text.size
        unique = max(Counter(keys_in(text)).values()) == 1
        rest.append(scale * inputs.sum() / np.sqrt(text.size) if unique else np.nan)
    bias = fitted.out_of_fold.logits[:, 0] - rest
    for fold in range(FOLDS):
        own = bias[(folds == fold) & ~np.isnan(bias)]
        assert own.size > 5
        np.testing.assert_allclose(own, own[0], atol=1e-4)  # the bias of the fold


@pytest.mark.parametrize("labels", [2, 3])
def test_same_texts_same_bits(labels):
    """Also of texts that are large enough for what is computed in parallel, and after other fits."""
    generator = np.random.default_rng(0)
    texts = [generator.integers(2, WORDS, 200).astype(np.int32) for _ in range(300)]
    truth, model = np.arange(300) % labels, model_of("abc"[:labels] if labels == 3 else LABELS, order=2)
    first, *others = (fit(texts, truth, model) for _ in range(3))
    for other in others:
        assert other.order == first.order
        for name, tensor in first.tensors.items():
            assert other.tensors[name].tobytes() == tensor.tobytes(), name
            assert other.tensors[name].dtype == tensor.dtype
        assert other.out_of_fold.inputs.tobytes() == first.out_of_fold.inputs.tobytes()
        assert other.out_of_fold.logits.tobytes() == first.out_of_fold.logits.tobytes()


def test_duplicates_share_a_fold():
    texts, truth = texts_of(100)
    twice = [text for text in texts for _ in range(2)]
    folds = folds_of(twice, np.stack([truth, 1 - truth], axis=1).ravel())  # even under the other label
    np.testing.assert_array_equal(folds[::2], folds[1::2])
    far_apart = folds_of([*texts, *texts[::-1]], np.append(truth, truth[::-1]))
    np.testing.assert_array_equal(far_apart[:100], far_apart[:99:-1])
    assert np.bincount(folds).min() > 20


def test_folds_are_blocks_of_neighbours_of_each_label():
    texts, truth = [np.array([2 + number], np.int32) for number in range(103)], np.arange(103) % 3
    folds = folds_of(texts, truth)
    for label in range(3):
        own = folds[truth == label]
        assert (np.diff(own) >= 0).all()
        assert np.ptp(np.bincount(own, minlength=FOLDS)) <= 1


def test_label_in_one_fold_only():
    """The other models have never seen it, and say so; the model whose fold has it is told nothing either."""
    texts, truth = texts_of(labels=3)
    truth = np.where(truth == 2, 0, truth)
    rare = texts[7]
    for index in (20, 40, 41, 80):  # copies, which are in one fold
        texts[index] = rare
    truth[[7, 20, 40, 41, 80]] = 2
    fitted = fit(texts, truth, model_of("abc"))
    own = truth == 2
    assert len(set(folds_of(texts, truth)[own])) == 1
    assert np.isfinite(fitted.out_of_fold.logits).all()
    assert (fitted.out_of_fold.logits[own, 2] < fitted.out_of_fold.logits[own, :2].max(axis=1)).all()


@pytest.mark.parametrize("labels", [LABELS, "abc"])
@pytest.mark.parametrize("present", [0, 1])
def test_label_without_texts(labels, present):
    texts, _ = texts_of(40)
    fitted = fit_ngrams(texts, np.full(40, present, np.int64), model_of(labels))
    if fitted is not None:
        check_table(fitted.tensors, fitted.config(model_of(labels)))
        logits = both_labels(fitted.out_of_fold.logits)
        assert (logits.argmax(axis=1) == present).all()


def test_many_labels_have_logits_only(monkeypatch):
    labels = [f"label {number}" for number in range(70)]
    generator = np.random.default_rng(0)
    truth = np.arange(210) % 70
    only(monkeypatch, "ratio", 30.0)
    texts = [np.array([2 + label // 20, 12 + label % 20, generator.integers(2, WORDS)], np.int32) for label in truth]
    fitted = fit(texts, truth, model_of(labels, order=2))
    assert fitted.config(model_of(labels, order=2)).ngram_inputs == 0
    assert fitted.out_of_fold.inputs.shape == (630, 0)
    assert fitted.out_of_fold.logits.shape == (210, 70)
    assert (fitted.out_of_fold.logits.argmax(axis=1) == truth).mean() > 0.5


@pytest.mark.parametrize("texts", [[[], [], []], [[1, 1], [0], []], [[1, 1, 1]] * 9], ids=str)
def test_texts_without_known_words(texts):
    texts = [np.array(text, np.int32) for text in texts]
    assert fit_ngrams(texts, np.arange(len(texts)) % 2, model_of()) is None


def test_many_texts_without_frequent_ngrams(monkeypatch):
    """None of very many words occurs often enough."""
    monkeypatch.setattr(ngrams, "_FEWEST", ((10**12, 10**6),))
    texts = [np.arange(2, 39, dtype=np.int32)] * 600
    assert fit_ngrams(texts, np.arange(600) % 2, model_of()) is None


@pytest.mark.parametrize("count", [2, 3, 4, 5, 7])
def test_very_few_texts(count):
    """Fewer than there are folds."""
    texts = [np.array([2 + number % 2, 4 + number], np.int32) for number in range(count)]
    truth = np.arange(count) % 2
    fitted = fit_ngrams(texts, truth, model_of())
    if fitted is not None:
        check_table(fitted.tensors, fitted.config(model_of()).validate())
        assert np.isfinite(fitted.out_of_fold.logits).all()


def test_only_two_different_texts():
    """All copies are in one fold, whose model knows nothing: a model, or none, but no useless table."""
    texts = [np.array([2, 3], np.int32), np.array([2, 4], np.int32)] * 40
    fitted = fit_ngrams(texts, np.arange(80) % 2, model_of())
    if fitted is not None:
        check_table(fitted.tensors, fitted.config(model_of()).validate())
        assert np.isfinite(fitted.out_of_fold.logits).all()


def test_ngrams_in_one_text_only_have_no_weights():
    """Frequent enough, but only within a text: there is nothing to learn from them, and no empty table."""
    texts = [np.full(9, 2 + number % 38, np.int32) for number in range(38)] + [np.array([1, 1], np.int32)] * 42
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngrams, "_FEWEST", ((10**12, 2),))
        fitted = fit_ngrams(texts, np.arange(80) % 2, model_of())
    if fitted is not None:
        check_table(fitted.tensors, fitted.config(model_of()).validate())


@pytest.mark.parametrize(("limit", "labels", "kept"), [(30, 2, 30), (10**6, 2, None), (60, 3, 20)])
def test_most_important_ngrams_are_kept(limit, labels, kept, monkeypatch):
    texts, truth = texts_of(labels=labels)
    model = model_of("abc"[:labels] if labels == 3 else LABELS)
    everything = fit(texts, truth, model)
    monkeypatch.setattr(ngrams, "_MOST_WEIGHTS", limit)
    fitted = fit(texts, truth, model)
    keys = fitted.tensors["ngrams.keys"]
    assert keys.size == (
        kept or everything.tensors["ngrams.keys"].size
    )  # never more, even if some are equally important
    assert np.isin(keys, everything.tensors["ngrams.keys"]).all()
    # The words that tell a label are among them, and out of fold, n-grams that are not kept give no inputs.
    assert np.isin([2, 3], keys).all()
    order, inputs, start = fitted.order, fitted.out_of_fold.inputs, 0
    for text in texts:
        found = np.stack(ngram_keys([text], order)[2], axis=1)
        own = inputs[start : start + text.size].reshape(text.size, order, -1)
        start += text.size
        assert not own[~np.isin(found, keys)].any()


def test_most_frequent_candidates(monkeypatch):
    texts, truth = texts_of()
    counts = Counter(key for text in texts for key in keys_in(text))
    monkeypatch.setattr(ngrams, "_MOST_CANDIDATES", 25)
    learner = ngrams._Learner(texts, truth, model_of())
    assert 1 <= learner.keys.size <= 25
    rarest = min(counts[key] for key in learner.keys.tolist())
    assert {key for key, count in counts.items() if count > rarest} <= set(learner.keys.tolist())
    assert (np.diff(learner.keys.astype(object)) > 0).all()


def test_sample_of_very_many_words(monkeypatch):
    """Texts beyond the limit are read, but nothing is learned from them."""
    texts, truth = texts_of()
    monkeypatch.setattr(ngrams, "_MOST_WORDS", 400)
    learner = ngrams._Learner(texts, truth, model_of())
    assert 20 < learner.used.size < 60
    assert sum(texts[index].size for index in learner.used) <= 400
    assert set(learner.keys.tolist()) == {key for index in learner.used for key in keys_in(texts[index])}
    unused = np.setdiff1d(np.arange(len(texts)), learner.used)
    other = ngrams._Learner(texts, np.where(np.isin(np.arange(len(texts)), unused), 1 - truth, truth), model_of())
    other.folds = learner.folds
    setting = Setting(2, "ratio", 10.0)
    for fold in range(FOLDS):
        assert other.fit(setting, fold).weights.tobytes() == learner.fit(setting, fold).weights.tobytes()
    assert fit(texts, truth).out_of_fold.logits.shape == (120, 1)


def test_fewer_settings_for_large_data(monkeypatch):
    """What is tried depends on the size: all orders and settings, fewer settings, then the longest n-grams only."""
    texts, truth = texts_of()
    tried = []
    original = ngrams._Learner.predict
    monkeypatch.setattr(
        ngrams._Learner, "predict", lambda self, setting, fold: tried.append(setting) or original(self, setting, fold)
    )
    sizes = []
    for small, large in ((10**9, 10**9), (1, 10**9), (1, 1)):
        tried.clear()
        monkeypatch.setattr(ngrams, "_SMALL", small)
        monkeypatch.setattr(ngrams, "_LARGE", large)
        fit(texts, truth)
        sizes.append((len(tried), len(set(tried)), {setting.order for setting in tried}))
    assert sizes == [(120, 24, {1, 2, 3}), (30, 6, {1, 2, 3}), (2, 2, {3})]


def test_texts_are_read_as_the_model_reads_them():
    """Longer texts and rarer words never reach the table."""
    texts, truth = texts_of()
    model = replace(model_of(), vocab_size=20, max_len=5)
    read = truncate_ids(texts, model)
    fitted = fit(read, truth, model)
    keys = fitted.tensors["ngrams.keys"]
    words = np.concatenate([(keys >> np.uint64(21 * place)) & np.uint64(2**21 - 1) for place in range(3)])
    assert words[words > 0].min() >= FIRST_WORD and words.max() < 20
    assert fitted.out_of_fold.inputs.shape[0] == sum(min(5, text.size) for text in texts)


def test_equally_important_ngrams_are_not_all_kept(monkeypatch):
    """The limit is one: of those that tie at it, some are kept."""
    texts = [np.array([2 + number], np.int32) for number in range(20)] * 2
    learner = ngrams._Learner(texts, np.arange(40) % 2, model_of(order=1))
    monkeypatch.setattr(ngrams, "_MOST_NGRAMS", 7)
    assert learner._most_important(np.ones((20, 1), np.float32)).sum() == 7
