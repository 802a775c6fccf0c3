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


@pytest.mark.parametrize("backwards", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "all"])
@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize(("inputs", "units", "lengths"), SHAPES, ids=str)
def test_values_and_gradients_agree_with_keras(inputs, units, lengths, parts, sequences, backwards):
    import keras
    import tensorflow as tf

    from lstmctl.training.forward import kernel

    generator = np.random.default_rng(units)
    longest = max(*lengths, 1)
    words = tf.constant(generator.normal(size=(len(lengths), longest, inputs)), tf.float32)
    mask = np.arange(longest)[None] < np.array(lengths)[:, None]
    weigh = generator.normal(size=(len(lengths), longest, units)) * mask[:, :, None]
    weigh = tf.constant(weigh if sequences else weigh.sum(axis=1), tf.float32)
    layer = keras.layers.LSTM(units, return_sequences=sequences, go_backwards=backwards)
    layer.build(words.shape)
    layer.set_weights([generator.normal(0, 0.5, weight.shape) for weight in layer.get_weights()])
    variables = [variable.value for variable in layer.trainable_variables]

    results = []
    for name in ("keras", "fused"):
        with tf.GradientTape() as tape:
            tape.watch(words)
            hidden = kernel(name, parts=parts)(layer, variables, words, tf.constant(lengths)) * weigh
            loss = tf.reduce_sum(hidden)
        results.append([hidden, *tape.gradient(loss, [words, *variables])])

    for stock, fused in zip(*results, strict=True):
        scale = max(1e-3, float(tf.reduce_max(tf.abs(stock))))
        np.testing.assert_allclose(fused, stock, atol=1e-5 * scale)


def test_kernel_of_each_device():
    from lstmctl.training.forward import kernel_name

    assert kernel_name([]) == "fused"
    assert kernel_name(["GPU:0"]) == "keras"
    assert kernel_name(["GPU:0"], ensemble_size=2) == "fused"


CONFIGS = [{}, {"layers": 3}, {"bidirectional": True}, {"layers": 2, "bidirectional": True}, {"padding": "pre"}]
CONFIGS += [{"pooling": "last+max"}, {"pooling": "last+max", "layers": 2, "bidirectional": True}]
CONFIGS += [{"pooling": "last+max+mean"}, {"pooling": "last+max+mean", "padding": "pre"}, {"ngrams": "2"}]
CONFIGS += [{"ngrams": "3", "pooling": "last+max+mean", "layers": 2, "bidirectional": True}]
TEXTS = [np.array(text, np.int32) for text in ([2, 3, 4, 5], [6, 7], [])]


def network_of(**shape):
    from lstmctl.training import network as networks

    config = ModelConfig(
        labels=("neg", "pos"),
        vocab_size=30,
        embedding_dim=6,
        units=5,
        max_len=7,
        ngram_count="ngrams" in shape,
        **shape,
    )
    return networks.build(config, dropout=0.5, seed=0), config


def ngram_inputs_of(config):
    """Random inputs beside the embeddings, 0 on padding; [] without n-grams."""
    from lstmctl.training.network import pad

    if not config.ngram_inputs:
        return []
    words = pad(TEXTS, config)
    values = np.random.default_rng(0).normal(size=(*words.shape, config.ngram_inputs)).astype(np.float32)
    return [values * (words != 0)[:, :, None]]


def logits_of(network, config, *, dropout=0.0, seed=(0, 0), name="fused"):
    import tensorflow as tf

    from lstmctl.training import forward
    from lstmctl.training.network import pad

    words = pad(TEXTS, config)
    lengths = [words.shape[1] if config.padding == "pre" else text.size for text in TEXTS]
    read = forward.kernel(name, parts=2)
    seed = tf.constant(seed, tf.int32)
    return np.asarray(
        forward.logits(
            network,
            config,
            forward.embed(network, words, unknown=False),
            tf.constant(lengths),
            read=read,
            dropout=forward.Dropout(dropout),
            seed=seed,
            ngram_inputs=next(iter(ngram_inputs_of(config)), None),
        )
    )


@pytest.mark.parametrize("name", ["fused", "keras"])
@pytest.mark.parametrize("shape", CONFIGS, ids=str)
def test_network_without_dropout_agrees_with_keras(shape, name):
    from lstmctl.training.network import pad

    network, config = network_of(**shape)
    inputs = [pad(TEXTS, config), *ngram_inputs_of(config)]
    offset = np.array([[1.0], [-2.0], [0.5]], np.float32) if config.ngram_order else 0
    expected = network([*inputs, offset] if config.ngram_order else inputs[0], training=False)
    np.testing.assert_allclose(logits_of(network, config, name=name) + offset, expected, atol=1e-6)


@pytest.mark.parametrize("shape", CONFIGS, ids=str)
def test_dropout_depends_on_the_seed_alone(shape):
    network, config = network_of(**shape)
    logits = [logits_of(network, config, dropout=0.5, seed=seed) for seed in ([0, 1], [0, 1], [0, 2], [1, 1])]
    np.testing.assert_array_equal(logits[0], logits[1])
    assert (logits[0] != logits[2]).any() and (logits[0] != logits[3]).any()
    stock = logits_of(network, config, dropout=0.5, seed=[0, 1], name="keras")
    np.testing.assert_allclose(stock, logits[0], atol=1e-6)


def test_dropout_rate_and_mean():
    from lstmctl.training.forward import drop

    inputs = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)
    dropped = np.array([drop(inputs, rate=0.3, seed=np.array([0, number], np.int32)) for number in range(400)])
    assert (dropped == 0).mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(dropped[:, 0, 0] == 0, dropped[:, 0, 3] == 0)  # one mask for all words of a text
    np.testing.assert_allclose(dropped.mean(axis=0), inputs, atol=0.15)


def test_unknown_words_have_no_ngrams():
    """Word dropout replaces embedding and n-gram inputs of the same words."""
    import tensorflow as tf

    from lstmctl.training import forward
    from lstmctl.training.network import pad

    network, config = network_of(ngrams="2")
    network.get_layer("embedding").embeddings.assign(np.ones((30, 6), np.float32) * np.arange(30)[:, None])
    embedded, seen = forward.embed(network, pad(TEXTS, config), unknown=True), []

    def read(lstm, weights, inputs, lengths):
        seen.append(np.asarray(inputs))
        return tf.zeros((len(TEXTS), config.units))

    for seed in range(30):
        forward.logits(
            network,
            config,
            embedded,
            tf.constant([4, 2, 0]),
            read=read,
            dropout=forward.Dropout(0.0, words=0.5),
            seed=tf.constant([0, seed]),
            ngram_inputs=tf.constant(np.full((3, 4, 2), 7, np.float32)),
        )
    embeddings, ngrams = np.stack(seen)[..., 0], np.stack(seen)[..., 6:]
    dropped = embeddings == 1
    np.testing.assert_array_equal(ngrams, np.where(dropped, 0, 7)[..., None] * np.ones(2))
    assert dropped.mean() == pytest.approx(0.5, abs=0.1)


def test_padding():
    from lstmctl.training.network import pad

    masked = ModelConfig(labels=("neg", "pos"), max_len=5)
    assert pad(TEXTS, masked).tolist() == [[2, 3, 4, 5], [6, 7, 0, 0], [0, 0, 0, 0]]
    assert pad(TEXTS[2:], masked).tolist() == [[0]]
    classic = ModelConfig(labels=("neg", "pos"), max_len=5, padding="pre")
    assert pad(TEXTS, classic).tolist() == [[0, 2, 3, 4, 5], [0, 0, 0, 6, 7], [0, 0, 0, 0, 0]]
