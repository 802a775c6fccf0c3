"""What the page says is what NumPy says: of 1,000 texts in 12 scripts, for every architecture."""

import numpy as np
import pytest
from page_models import ARCHITECTURES, WORDS, make_model
from page_texts import SCRIPTS, make_texts

from lstmctl.model.explanation import explain, strongest_words
from lstmctl.model.text import tokenize
from lstmctl.model.what_if import Hold, hold

TEXTS = make_texts(WORDS)
TOLERANCE = 1e-5
PREDICT = """(texts) => texts.map((text) => {
    const { words, total, cut, known, predicted, probabilities } = lstmctl.read(model, lstmctl.encode(model, text));
    return { words, total, cut, known, predicted, probabilities };
})"""
EXPLAIN = """async ([text, options]) => {
    const encoded = lstmctl.encode(model, text), reading = lstmctl.read(model, encoded, options);
    const traces = Object.fromEntries(reading.traces.map(({ name, units, ...quantities }) => [
        name, Object.fromEntries(Object.entries(quantities).map(([quantity, values]) => [quantity, [...values]])),
    ]));
    const { label, predicted, start, ngrams, probability } = reading;
    const effects = await lstmctl.effects(model, encoded, options);
    const steps = reading.traces.map(({ name }) => encoded.words.map((_, word) =>
        lstmctl.stepNumbers(model, reading, name, word, 2)));
    const contributions = reading.traces.map(({ name }) => [...lstmctl.unitContributions(model, reading, name)]);
    return { label, predicted, start, ngrams, probability, running: [...reading.running], effects: [...effects], traces,
        steps, contributions, strongest: lstmctl.strongestWords(effects) };
}"""
CHANGES = [
    ([], None),
    ([Hold("forget", 1.0)], None),
    ([Hold("input", 0.0, unit=1), Hold("candidate", -0.5, lstm="lstm.0.forward")], 1),
    ([Hold("output", 0.25), Hold("forget", 0.0, unit=2)], 0),
    ([], 2),
]


@pytest.fixture
def opened(open_page, home):
    def call(name, **options):
        folder = make_model(home, name)
        return folder.classifier(), open_page(folder, ready=False, **options)

    return call


def test_texts_have_many_scripts():
    assert len(TEXTS) == 1000 and len(set(TEXTS)) > 980 and len(SCRIPTS) == 12
    assert sum("\u0301" in text for text in TEXTS) > 20 and sum("👍" in text for text in TEXTS) > 20


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_predictions(opened, name):
    classifier, page = opened(name)
    told = page.evaluate(PREDICT, TEXTS)
    predictions = classifier.predict(TEXTS)
    for text, answer, prediction in zip(TEXTS, told, predictions, strict=True):
        encoded = classifier.encode(text)
        assert answer["words"] == encoded.words, ascii(text)
        assert (answer["total"], answer["cut"]) == (encoded.reading.words, encoded.reading.cut)
        assert answer["known"].count(True) == encoded.reading.known
        difference = np.abs(np.subtract(answer["probabilities"], prediction.probabilities)).max()
        assert difference <= TOLERANCE, ascii(text)
        largest = np.sort(prediction.probabilities)[-2:]
        assert answer["predicted"] == prediction.label or np.ptp(largest) < TOLERANCE


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_explanations(opened, name):
    classifier, page = opened(name)
    sample = ["", "good", *TEXTS[1:16:3], *TEXTS[38:42], *TEXTS[100::180]]
    for number, text in enumerate(sample):
        holds, cut = CHANGES[number % len(CHANGES)]
        options = {"holds": [each._asdict() for each in holds], "cutBefore": cut}
        told = page.evaluate(EXPLAIN, [text, options])
        expected = explain(hold(classifier, holds), text, cut_before=cut)
        case = f"{ascii(text)} {holds} {cut}"
        assert (told["label"], told["predicted"]) == (expected.label, expected.prediction.label), case
        near = {"atol": TOLERANCE, "rtol": 0, "err_msg": case}
        np.testing.assert_allclose(told["start"], expected.start, **near)
        np.testing.assert_allclose(told["running"], expected.probability, **near)
        np.testing.assert_allclose(told["effects"], expected.effect, **near)
        assert told["strongest"] == strongest_words(np.array(told["effects"]))
        assert (told["ngrams"] is None) == (expected.ngrams is None)
        np.testing.assert_allclose(told["ngrams"] or 0, expected.ngrams or 0, **near)
        assert list(told["traces"]) == list(expected.traces)
        for steps, (lstm, trace) in zip(told["steps"], expected.traces.items(), strict=True):
            for quantity, values in told["traces"][lstm].items():
                np.testing.assert_allclose(values, getattr(trace, quantity).ravel(), **near)
                np.testing.assert_allclose([each[quantity] for each in steps], getattr(trace, quantity)[:, 2], **near)
            before = trace.cell[:, 2] - trace.cell_change[:, 2]
            np.testing.assert_allclose([each["cellBefore"] for each in steps], before, **near)


def test_readings_are_completed_from_earlier_ones(opened):
    """Typing, deleting and pasting give the same running probabilities as a fresh page."""
    for name in ("plain", "classic", "bidirectional", "start word"):
        classifier, page = opened(name)
        for text in (
            "the film",
            "the film was",
            "the film was not good",
            "the film was good",
            "a film",
            "",
            "the film",
        ):
            running = page.evaluate("(text) => [...lstmctl.read(model, lstmctl.encode(model, text)).running]", text)
            np.testing.assert_allclose(running, explain(classifier, text).probability, atol=TOLERANCE, rtol=0)


def test_units_are_sorted_by_what_they_add(opened):
    """In the last layer, the contributions of all units are those of the head to the logit."""
    classifier, page = opened("plain")
    text = "the film was not good"
    told = page.evaluate(EXPLAIN, [text, {}])
    hidden = explain(classifier, text).traces["lstm.0.forward"].hidden[-1]
    expected = np.abs(classifier.head_kernel[:, 0] * hidden)
    np.testing.assert_allclose(told["contributions"][0], expected, atol=TOLERANCE)


def test_effects_can_be_stopped(opened):
    _, page = opened("bidirectional")
    outcome = page.evaluate("""async () => {
        const controller = new AbortController(), encoded = lstmctl.encode(model, 'good film '.repeat(40));
        const done = [];
        const onProgress = (each) => { done.push(each); controller.abort(); };
        const computed = lstmctl.effects(model, encoded, {}, { signal: controller.signal, onProgress });
        return computed.then(() => 'complete', (error) => `${error.name} after ${done[0] < 80}`);
    }""")
    assert outcome == "AbortError after true"


def test_words_of_both_tokenizers(opened):
    _, page = opened("plain")
    for tokenizer in ("words-1", "words-2"):
        told = page.evaluate("([texts, name]) => texts.map((text) => lstmctl.tokenize(text, name))", [TEXTS, tokenizer])
        assert told == [tokenize(text, tokenizer) for text in TEXTS]
