"""Explanations: the meaning of each number, for every architecture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import CONFIG, WORDS, toy_weights

from lstmctl.config import ModelConfig
from lstmctl.errors import UsageError
from lstmctl.model.classifier import Classifier
from lstmctl.model.explanation import explain, half_life, half_lives, measure_matrices, strongest_words
from lstmctl.model.lstm import Memory, step
from lstmctl.model.text import Vocabulary

VOCABULARY = Vocabulary(["the", "film", "was", "not", "good", "很", "👍🏽", "<start>"], [9, 8, 7, 6, 5, 4, 3, 2])
SHAPES = {
    "masked": {},
    "classic": {"padding": "pre"},
    "stacked": {"layers": 2},
    "bidirectional": {"bidirectional": True},
    "stacked and bidirectional": {"layers": 2, "bidirectional": True},
    "maximum states": {"pooling": "last+max", "bidirectional": True},
    "three labels": {"labels": ("a", "b", "c")},
    "first words": {"cut": "end"},
    "start word": {"start_word": "<start>"},
    "start word, first words": {"start_word": "<start>", "cut": "end", "padding": "pre"},
}


def classifier_of(**shape):
    config = ModelConfig(
        **{"labels": ("neg", "pos"), "vocab_size": 10, "embedding_dim": 4, "units": 3, "max_len": 8, **shape}
    )
    generator = np.random.default_rng(3)
    weights = {name: generator.normal(0, 0.8, each).astype(np.float32) for name, each in config.shapes().items()}
    return Classifier(config, VOCABULARY, weights)


words = st.lists(st.sampled_from(["the", "film", "was", "not", "good", "qwrtz", "很", "👍🏽"]), max_size=12)


@settings(max_examples=40, deadline=None)
@given(words, st.sampled_from(list(SHAPES)))
def test_attributions_are_predictions(text, shape):
    classifier = classifier_of(**SHAPES[shape])
    explanation = explain(classifier, " ".join(text))
    assert explanation.prediction == classifier.predict([" ".join(text)])[0]
    read = explanation.words
    full = explanation.prediction.probabilities[classifier.config.labels.index(explanation.label)]

    def ordinary(words):
        (prediction,) = classifier.predict([" ".join(words)])
        return prediction.probabilities[classifier.config.labels.index(explanation.label)]

    limit = classifier.config.max_len
    if SHAPES[shape].get("cut") == "end":
        assert read == text[: limit - ("start_word" in SHAPES[shape])]
    else:
        assert read == text[-limit:]
    assert explanation.known == [word in VOCABULARY.ids for word in read]
    assert explanation.start == pytest.approx(ordinary([]), abs=1e-6)
    for index in range(len(read)):
        assert explanation.probability[index] == pytest.approx(ordinary(read[: index + 1]), abs=1e-6)
        assert explanation.effect[index] == pytest.approx(full - ordinary(read[:index] + read[index + 1 :]), abs=1e-6)
    if read:
        assert explanation.probability[-1] == full


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_traces(shape):
    classifier = classifier_of(**shape)
    config = classifier.config
    explanation = explain(classifier, "the film was not good")
    assert list(explanation.traces) == [
        f"lstm.{layer}.{direction}" for layer in range(config.layers) for direction in config.directions
    ]
    for trace in explanation.traces.values():
        assert all(values.shape == (5, config.units) for values in trace)
        kept = trace.forget * (trace.cell - trace.cell_change)
        np.testing.assert_allclose(trace.cell, kept + trace.input * trace.candidate, atol=1e-6)
        np.testing.assert_allclose(trace.hidden, trace.output * np.tanh(trace.cell), atol=1e-6)
    last = [trace for name, trace in explanation.traces.items() if name.startswith(f"lstm.{config.layers - 1}.")]
    expected = np.mean([np.abs(trace.cell_change).mean(axis=1) for trace in last], axis=0)
    np.testing.assert_allclose(explanation.mean("cell_change"), expected, rtol=1e-5)


def test_head_reads_the_last_hidden_state():
    classifier = Classifier(CONFIG, WORDS, toy_weights())
    explanation = explain(classifier, "good film bad good")
    hidden = explanation.traces["lstm.0.forward"].hidden
    after_each_word = 1 / (1 + np.exp(-(hidden.sum(axis=1))))  # the toy's head: the sum
    np.testing.assert_allclose(explanation.probability, after_each_word, atol=1e-6)
    assert explanation.effect[0] > 0 > explanation.effect[2]


def test_no_words():
    explanation = explain(classifier_of(), "…")
    assert (explanation.words, explanation.effect.size, explanation.probability.size) == ([], 0, 0)
    assert explanation.start == explanation.prediction.probabilities[1]


@pytest.mark.parametrize(
    ("effects", "indices"),
    [
        ([], []),
        ([0.0, 0.0], []),
        ([0.3], [0]),
        ([0.01, -0.4, 0.2], [1, 2]),
        ([0.1, -0.4, 0.2], [1, 2, 0]),
        ([0.1, -0.4, 0.2, 0.3], [1, 3, 2]),
        ([0.2, 0.2, 0.2, 0.2], [0, 1, 2]),  # of equals the first
    ],
)
def test_strongest_words(effects, indices):
    assert strongest_words(np.array(effects)) == indices


def test_half_life():
    forget = np.array([[0.5, 0.9, 1.0], [0.5, 0.8, 1.0]], np.float32)
    lives = half_life(forget)
    assert lives[0] == pytest.approx(1)
    assert (np.sqrt(0.9 * 0.8) ** lives[1]) == pytest.approx(0.5)
    assert lives[2] == np.inf


def test_half_life_of_one_forget_gate():
    classifier = classifier_of(units=1)
    (matrices,) = (layer["forward"] for layer in classifier.layers)
    memory = Memory(np.zeros(1, np.float32), np.ones(1, np.float32))
    _, gates = step(np.zeros(4, np.float32), memory, matrices)
    life = half_life(gates.forget[None])
    assert gates.forget**life == pytest.approx(0.5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_half_lives_of_every_lstm(shape):
    classifier = classifier_of(**shape)
    texts = ["the film was not good", "good film"]
    lives = half_lives(classifier, [classifier.encode(text) for text in texts])
    explained = [explain(classifier, text).traces for text in texts]
    assert list(lives) == list(explained[0])
    for name, values in lives.items():
        forget = np.concatenate([traces[name].forget for traces in explained]).astype(np.float64)
        np.testing.assert_allclose(values, np.log(0.5) / np.log(forget).mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_matrices_are_measured(shape):
    classifier = classifier_of(**shape)
    config = classifier.config
    matrices = measure_matrices(classifier)
    assert [matrix.matrix for matrix in matrices[:4]] == ["forget gate", "input gate", "candidate", "output gate"]
    assert len(matrices) == 4 * config.layers * len(config.directions)
    assert matrices[1].norm_word == pytest.approx(np.linalg.norm(classifier.layers[0]["forward"].input.kernel))
    assert matrices[2].mean_bias == pytest.approx(classifier.layers[0]["forward"].candidate.bias.mean())
    of_lstms = sum(np.prod(size) for name, size in config.shapes().items() if name.startswith("lstm."))
    assert sum(matrix.parameters for matrix in matrices) == of_lstms
    assert sum(matrix.share for matrix in matrices) == pytest.approx(of_lstms / config.parameters)


# --- log-odds, labels, units ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_effects_in_log_odds(shape):
    classifier = classifier_of(**shape)
    for label in classifier.config.labels:
        explanation = explain(classifier, "the film was not good", label=label)
        assert explanation.label == label
        full = explanation.probability[-1]
        without = full - explanation.effect
        expected = np.log(full / (1 - full)) - np.log(without / (1 - without))
        np.testing.assert_allclose(explanation.effect_log_odds, expected, atol=1e-5)


def test_log_odds_tell_words_apart_where_probabilities_do_not():
    weights = {**toy_weights(), "head.kernel": np.full((3, 1), 40, np.float32)}
    explanation = explain(Classifier(CONFIG, WORDS, weights), "good good good film")
    assert explanation.probability[-1] == 1 and (explanation.effect == 0).all()
    assert explanation.nearly_certain and explanation.effect_log_odds[0] > 1
    assert explanation.strongest and not explain(Classifier(CONFIG, WORDS, toy_weights()), "film").nearly_certain


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_units_add_up_to_the_logits(shape):
    classifier = classifier_of(**shape)
    ids = classifier.encode("the film was not good").ids
    by_lstm = classifier.unit_logits(ids)
    last = classifier.config.layers - 1
    assert list(by_lstm) == [f"lstm.{last}.{direction}" for direction in classifier.config.directions]
    total = sum(values.sum(axis=0) for values in by_lstm.values()) + classifier.head_bias
    np.testing.assert_allclose(total, classifier.logits([ids])[0, -total.size :], atol=1e-5)


@pytest.mark.parametrize("shape", [{}, {"labels": ("a", "b", "c")}], ids=str)
def test_what_a_unit_adds_is_what_is_missing_without_it(shape):
    """For two labels exactly; for three, the slope of the log-odds where the unit adds little."""
    classifier = classifier_of(**shape)
    label = classifier.config.labels[1]
    share = explain(classifier, "the film was not good", label=label).units[0]
    little = 1e-3  # of the unit is taken away
    weights = dict(classifier.weights)
    weights["head.kernel"] = weights["head.kernel"].astype(np.float64)
    before = explain(Classifier(classifier.config, VOCABULARY, weights), "the film was not good", label=label)
    weights["head.kernel"] = weights["head.kernel"].copy()
    weights["head.kernel"][share.unit] *= 1 - little
    after = explain(Classifier(classifier.config, VOCABULARY, weights), "the film was not good", label=label)
    first, second = (np.log(each.probability[-1] / (1 - each.probability[-1])) for each in (before, after))
    assert (first - second) / little == pytest.approx(share.log_odds, rel=0.02)


def test_a_label_that_the_model_has_not():
    with pytest.raises(UsageError, match="not a label") as caught:
        explain(classifier_of(), "good", label="delivery")
    assert caught.value.hint == "its labels: neg, pos"
