"""The fused LSTM against keras.layers.LSTM: the same numbers forward, and the same gradients."""

import numpy as np
import pytest

from lstmctl.config import ModelConfig

pytestmark = pytest.mark.training

SHAPES = [  # inputs, units, lengths
    (32, 32, [0, 1, 7, 40, 40]),
    (3, 5, [0]),
    (3, 5, [1]),
    (8, 1, [9, 0, 3]),
    (1, 16, [20] * 4),
]


@pytest.mark.parametrize(("inputs", "units", "lengths"), SHAPES, ids=str)
def test_values_and_gradients_are_those_of_keras(inputs, units, lengths):
    import keras
    import tensorflow as tf

    from lstmctl.training.fused import last_hidden

    generator = np.random.default_rng(units)
    longest = max(*lengths, 1)
    words = tf.constant(generator.normal(size=(len(lengths), longest, inputs)), tf.float32)
    weigh = tf.constant(generator.normal(size=(len(lengths), units)), tf.float32)
    mask = tf.constant(np.arange(longest)[None] < np.array(lengths)[:, None])
    layer = keras.layers.LSTM(units)
    layer.build(words.shape)
    layer.set_weights([generator.normal(0, 0.5, weight.shape) for weight in layer.get_weights()])
    variables = [variable.value for variable in layer.trainable_variables]

    results = []
    for compute in (
        lambda: layer(words, mask=mask),
        lambda: last_hidden(words, tf.constant(lengths), *variables),
    ):
        with tf.GradientTape() as tape:
            tape.watch(words)
            hidden = compute()
            loss = tf.reduce_sum(hidden * weigh)
        results.append([hidden, *tape.gradient(loss, [words, *variables])])

    for stock, fused in zip(*results, strict=True):
        scale = max(1e-3, float(tf.reduce_max(tf.abs(stock))))
        np.testing.assert_allclose(fused, stock, atol=1e-5 * scale)


def network_and_words():
    from lstmctl.training import network as networks

    config = ModelConfig(labels=("neg", "pos"), vocab_size=30, embedding_dim=6, units=5)
    words = np.array([[2, 3, 4, 5], [6, 7, 0, 0], [0, 0, 0, 0]], np.int32)
    return networks.build(config, dropout=0.5, seed=0), words


def test_without_dropout_the_whole_network_agrees():
    from lstmctl.training.fit import fused_logits

    network, words = network_and_words()
    fused = fused_logits(network, words, dropout=0.0, seed=np.array([0, 0], np.int32))
    np.testing.assert_allclose(fused, network(words, training=False), atol=1e-6)


def test_dropout_is_decided_by_the_seed_alone():
    from lstmctl.training.fit import fused_logits

    network, words = network_and_words()
    answers = [
        np.asarray(fused_logits(network, words, dropout=0.5, seed=np.array(seed, np.int32)))
        for seed in ([0, 1], [0, 1], [0, 2], [1, 1])
    ]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert (answers[0] != answers[2]).any() and (answers[0] != answers[3]).any()


def test_dropout_hides_the_share_asked_for_and_keeps_the_mean():
    """Through a network that adds its inputs up: the mean over many masks is the value without dropout."""
    import tensorflow as tf

    from lstmctl.training import fit

    network, words = network_and_words()
    seen = []
    original, fit.last_hidden = fit.last_hidden, lambda words, *rest: seen.append(words) or original(words, *rest)
    try:
        for number in range(400):
            fit.fused_logits(network, words, dropout=0.3, seed=np.array([0, number], np.int32))
    finally:
        fit.last_hidden = original
    embedded = np.array([np.asarray(each) for each in seen])  # (400, texts, words, inputs)
    assert (embedded == 0).mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(embedded[:, 0, 0] == 0, embedded[:, 0, 3] == 0)  # one mask for all words of a text
    plain = np.asarray(tf.gather(network.get_layer("embedding").embeddings, words))
    np.testing.assert_allclose(embedded.mean(axis=0), plain, atol=0.02)
