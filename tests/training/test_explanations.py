"""Every value of a trace is the value inside Keras's own layer."""

import keras
import numpy as np
import pytest
from training.test_agreement import random_ngrams

from lstmctl.config import ModelConfig
from lstmctl.model.classifier import Classifier
from lstmctl.model.explanation import traces
from lstmctl.model.text import Vocabulary

pytestmark = pytest.mark.training

SHAPES = {
    "masked": {},
    "classic": {"padding": "pre", "max_len": 60},
    "stacked": {"layers": 3},
    "bidirectional": {"bidirectional": True},
    "max pooling": {"pooling": "last+max", "bidirectional": True},
    "mean pooling": {"pooling": "last+max+mean", "bidirectional": True},
    "n-grams": {"ngrams": "3"},
    "n-grams, stacked and bidirectional": {"ngrams": "2", "layers": 2, "bidirectional": True, "pooling": "last+max"},
    "stacked and bidirectional, padded": {"layers": 2, "bidirectional": True, "padding": "pre", "max_len": 60},
}


def inside_keras(lstm, inputs):
    """Gates, cell state and hidden state from the layer's own cell for `inputs` (words, inputs), word by word."""
    cell, units = lstm.cell, lstm.units
    states = [np.zeros((1, units), np.float32)] * 2
    rows = []
    for word in inputs:
        z = word[None] @ cell.kernel + keras.ops.matmul(states[0], cell.recurrent_kernel) + cell.bias
        input_gate, forget, candidate, output = keras.ops.split(z, 4, axis=1)
        gates = [cell.recurrent_activation(gate) for gate in (forget, input_gate)]
        gates += [cell.activation(candidate), cell.recurrent_activation(output)]
        _, (hidden, cell_state) = cell(word[None], states)
        rows.append([np.asarray(value)[0] for value in (*gates, cell_state, hidden)])
        states = [hidden, cell_state]
    return [np.stack(values) for values in zip(*rows, strict=True)]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_traces_agree_with_keras(shape):
    from lstmctl.training import network as networks

    sizes = {"vocab_size": 50, "embedding_dim": 6, "units": 5, "ngram_count": "ngrams" in shape}
    config = ModelConfig(labels=("neg", "pos"), **sizes | shape)
    generator = np.random.default_rng(4)
    weights = {name: generator.normal(0, 0.9, size).astype(np.float32) for name, size in config.shapes().items()}
    ids = generator.integers(1, 50, 40).astype(np.int32)
    table = {}
    if config.ngram_order:
        config, table = random_ngrams(config, [ids], seed=0)
    network = networks.build(config, dropout=0.2, seed=0)
    networks.assign(network, config, weights)
    classifier = Classifier(config, Vocabulary([], []), weights | table)
    ours = traces(classifier, ids.tolist(), words=ids.size)

    inputs = weights["embedding"][networks.pad([ids], config)[0]]
    parts = classifier.ngram_parts([ids])
    if config.ngram_order:
        inputs = np.concatenate([inputs, parts.inputs], axis=1)
        assert parts.inputs.any(axis=0).all()
    compared = 0
    for number, layer in enumerate(networks.lstm_layers(network, config)):
        outputs = []
        for direction, lstm in layer.items():
            turn = slice(None, None, -1) if direction == "backward" else slice(None)
            theirs = [values[turn] for values in inside_keras(lstm, inputs[turn])]
            *gates, cell_state, hidden = (values[-ids.size :] for values in theirs)
            trace = ours[f"lstm.{number}.{direction}"]
            for mine, keras_own in zip((*trace[:4], trace.hidden), (*gates, hidden), strict=True):
                assert mine.shape == keras_own.shape == (ids.size, config.units)
                assert np.abs(mine - keras_own).max() <= 1e-5
                compared += mine.size
            assert (np.abs(trace.cell - cell_state) / np.maximum(1, np.abs(cell_state))).max() <= 1e-5
            outputs.append(theirs[-1])
        inputs = np.concatenate(outputs, axis=1)
    assert compared == 5 * 40 * 5 * config.layers * len(config.directions)
    # The states belong to the whole network: its prediction follows from the last hidden states and their maxima.
    ends = [outputs[0][-1], *(backwards[0] for backwards in outputs[1:])]
    if "max" in config.pools:
        ends += [np.maximum(0, states.max(axis=0)) for states in outputs]
    if "mean" in config.pools:
        ends += [states.mean(axis=0) for states in outputs]
    logits = np.concatenate(ends) @ weights["head.kernel"] + weights["head.bias"] + parts.logits[0]
    (probabilities,) = networks.probabilities(network, networks.network_inputs([ids], classifier))
    np.testing.assert_allclose(probabilities[1], 1 / (1 + np.exp(-logits[0])), atol=1e-5)
