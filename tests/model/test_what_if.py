"""Held gates and cut cell states: compared with a reading that is written out, unit by unit and word by word."""

import numpy as np
import pytest
from toy import NGRAM_SHAPES, SHAPES, register_random

from lstmctl.config import PADDING
from lstmctl.model.classifier import both_labels, softmax
from lstmctl.model.explanation import explain
from lstmctl.model.text import clip
from lstmctl.model.what_if import Hold, describe_hold, hold, parse_hold

TEXT = "good film qwrtz bad film good"
CHANGES = [
    ([], 0),
    ([], 3),
    ([Hold("forget", 1.0)], None),
    ([Hold("input", 0.0), Hold("input", 0.25, unit=2)], None),
    ([Hold("candidate", -1.0, unit=1), Hold("output", 1.0, unit=0, lstm="lstm.0.forward")], 5),
    ([Hold("forget", 0.3, lstm="lstm.0.forward"), Hold("candidate", 0.5)], 2),
]


def written_out(classifier, ids, holds, cut):
    """The probabilities of a text, and the hidden states of all LSTMs; `cut` is an index of `ids` or None."""
    config = classifier.config
    ngrams = classifier.ngram_parts([ids])
    inputs = np.concatenate([classifier.embedding[np.array(ids, int)], ngrams.inputs], axis=1).astype(float)
    if config.padding == "pre":
        more = config.max_len - len(ids)
        inputs = np.concatenate([np.repeat(classifier.embedding[[PADDING]], more, axis=0), inputs])
        cut = None if cut is None else cut + more
    traces = {}
    for number, layer in enumerate(classifier.layers):
        states, last = [], []
        for direction, matrices in layer.items():
            name = f"lstm.{number}.{direction}"
            hidden, cell = np.zeros(config.units), np.zeros(config.units)
            all_states = np.zeros((len(inputs), config.units))
            for position in range(len(inputs)) if direction == "forward" else reversed(range(len(inputs))):
                gates = {}
                for gate, matrix in matrices._asdict().items():
                    z = inputs[position] @ matrix.kernel + hidden @ matrix.recurrent + matrix.bias
                    gates[gate] = np.tanh(z) if gate == "candidate" else 1 / (1 + np.exp(-z))
                for each in holds:
                    if each.lstm in (None, name):
                        gates[each.gate][slice(None) if each.unit is None else each.unit] = each.value
                cell = np.zeros(config.units) if position == cut else cell
                cell = gates["forget"] * cell + gates["input"] * gates["candidate"]
                all_states[position] = hidden = gates["output"] * np.tanh(cell)
            states.append(all_states)
            traces[name] = all_states
            last.append(hidden)
        inputs = np.concatenate(states, axis=1)
    pools = {
        "last": np.concatenate(last),
        "max": np.max(inputs, axis=0, initial=0),
        "mean": inputs.sum(axis=0) / max(1, len(inputs)),
    }
    pooled = np.concatenate([pools[kind] for kind in config.pools])
    logits = both_labels((pooled @ classifier.head_kernel + classifier.head_bias)[None] + ngrams.logits)
    return softmax(logits)[0], traces


@pytest.mark.parametrize("shape", [*SHAPES, *NGRAM_SHAPES], ids=lambda shape: str(shape)[:90])
@pytest.mark.parametrize(("holds", "cut"), CHANGES, ids=str)
def test_numbers(home, no_fsync, shape, holds, cut):
    classifier = register_random(home, shape).classifier()
    held = hold(classifier, holds)
    explanation = explain(held, TEXT, cut_before=cut)
    ids = classifier.encode(TEXT).ids
    index = classifier.config.labels.index(explanation.label)
    full, traces = written_out(classifier, ids, holds, cut)
    np.testing.assert_allclose(explanation.prediction.probabilities, full, atol=2e-6)
    for name, states in traces.items():
        np.testing.assert_allclose(explanation.traces[name].hidden, states[-len(ids) :], atol=2e-6)
    for word in range(len(ids)):
        running, _ = written_out(classifier, ids[: word + 1], holds, cut)
        assert explanation.probability[word] == pytest.approx(running[index], abs=2e-6)
        moved = cut if cut is None or word >= cut else cut - 1
        without, _ = written_out(classifier, ids[:word] + ids[word + 1 :], holds, moved)
        assert explanation.effect[word] == pytest.approx(full[index] - without[index], abs=4e-6)


def test_a_held_gate_is_exact(home, no_fsync):
    held = hold(register_random(home, {}).classifier(), [Hold("forget", 1.0), Hold("input", 0.0, unit=2)])
    trace = explain(held, TEXT).traces["lstm.0.forward"]
    assert (trace.forget == 1).all() and (trace.input[:, 2] == 0).all() and (trace.cell[:, 2] == 0).all()


@pytest.mark.parametrize("cut_style", ["start", "end", "middle"])
def test_cut_of_texts_with_a_start_word(home, no_fsync, cut_style):
    classifier = register_random(home, {"start_word": "film", "cut": cut_style, "max_len": 4}).classifier()
    for text in ("", "bad", TEXT):
        encoded = classifier.encode(text)
        own = encoded.ids[len(encoded.ids) - len(encoded.words) :]
        for cut in range(len(own)):
            explanation = explain(classifier, text, cut_before=cut)
            start = len(encoded.ids) - len(own)
            full, _ = written_out(classifier, encoded.ids, [], cut + start)
            np.testing.assert_allclose(explanation.prediction.probabilities, full, atol=2e-6)
            ids = clip([4, *own[: cut + 1]], 4, cut_style) if cut + 1 < len(own) else encoded.ids
            running, _ = written_out(classifier, ids, [], len(ids) - 1)
            assert explanation.probability[cut] == pytest.approx(running[1], abs=2e-6)


@pytest.mark.parametrize(
    ("text", "expected", "words"),
    [
        ("forget=1", Hold("forget", 1.0), "forget gate held at 1"),
        ("decision.3=.5", Hold("input", 0.5, 3), "input gate of unit 3 held at 0.5"),
        ("new-value=-1", Hold("candidate", -1.0), "candidate held at -1"),
        ("lstm.1.backward.output.12=0", Hold("output", 0.0, 12, "lstm.1.backward"), None),
    ],
)
def test_parse(text, expected, words):
    assert parse_hold(text) == expected
    assert parse_hold(str(expected)) == expected
    assert words is None or describe_hold(expected) == words


@pytest.mark.parametrize(
    "text",
    ["", "=", "forget", "forget=", "forget=x", "forget=2", "forget=-1", "forget=nan", "candidate=-1.1", "belt=1"]
    + ["hidden=1", "forgot=1", "forget.=1", "forget.x=1", "forget.-1=1", "forget.1.2=1", "lstm=1", "lstm.0.forward=1"],
)
def test_bad_values(text):
    with pytest.raises(ValueError, match="^(is not|names|has no|holds)"):
        parse_hold(text)


@pytest.mark.parametrize("each", [Hold("forget", 1.0, unit=6), Hold("forget", 1.0, lstm="lstm.0.backward")])
def test_not_of_this_model(home, no_fsync, each):
    with pytest.raises(ValueError, match="^names"):
        hold(register_random(home, {}).classifier(), [each])
