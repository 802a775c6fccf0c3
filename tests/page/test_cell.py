"""The cell, its matrices and what-if: numbers and steps are Python's, and all of it works by keyboard."""

import re
from pathlib import Path

import pytest
from page_models import make_model
from playwright.sync_api import expect

from lstmctl.model import lstm
from lstmctl.model.explanation import explain
from lstmctl.model.text import clip, tokenize
from lstmctl.model.what_if import Hold, hold

TEXT = "the film was not good, and it is 8/10 !"
# Texts of the drawing that touch each other or leave it, and choices that leave their box.
OVERLAPPING = """() => {
    const box = (node) => node.getBoundingClientRect();
    const inside = (one, other) => one.left >= other.left - 1 && one.right <= other.right + 1;
    const touch = (a, b) =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
    const seen = (node) => node.textContent && getComputedStyle(node).visibility === 'visible';
    const texts = [...document.querySelectorAll('.cell-drawing text')].filter(seen);
    const stage = box(document.querySelector('.cell-stage'));
    const found = [];
    texts.forEach((text, index) => {
        if (!inside(box(text), stage)) found.push([text.textContent, 'the edge']);
        for (const other of texts.slice(index + 1)) {
            if (touch(box(text), box(other))) found.push([text.textContent, other.textContent]);
        }
    });
    for (const part of document.querySelectorAll('.cell-box > *, .cell-choice label')) {
        if (!inside(box(part), box(part.closest('.cell-box')))) found.push([part.textContent, 'its box']);
    }
    return found;
}"""
TIMEOUT = 60_000  # milliseconds; machines are shared
STILL = {"reduced_motion": "reduce"}


def _fragment(text=TEXT):
    return "#text=" + text.replace(" ", "%20").replace(",", "%2C").replace("/", "%2F")


def _choose(page, chooser, value):
    page.locator(f".cell-controls label:has-text('{chooser}') select").select_option(value)


def _table(page):
    """The numbers of the drawing, from its table, by the beginning of their names."""
    rows = page.locator(".cell-table tbody tr").all_inner_texts()
    return {name: float(value.replace("−", "-")) for name, value in (row.split("\t") for row in rows)}


def _after(page):
    """The probability after the change, all digits."""
    page.locator("#what-if").scroll_into_view_if_needed()
    # The panel is redrawn in the next frame.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return float(page.locator("#what-if .after b").get_attribute("data-exact"))


@pytest.mark.parametrize("architecture", ["plain", "classic", "bidirectional", "n-grams", "start word"])
def test_numbers_are_those_of_python(open_page, home, architecture):
    folder = make_model(home, architecture)
    explanation = explain(folder.classifier(), TEXT)
    page = open_page(folder, fragment=_fragment(), **STILL)
    page.locator(".cell-table summary").click()
    name, trace = list(explanation.traces.items())[-1]  # of a bidirectional model the backward LSTM
    if len(explanation.traces) > 1:
        _choose(page, "LSTM", name)
    for word, unit in [(0, 0), (4, 7), (len(explanation.words) - 1, 3)]:
        _choose(page, "Unit", str(unit))
        _choose(page, "Word", str(word))
        shown = _table(page)
        before = trace.cell[word, unit] - trace.cell_change[word, unit]
        expected = {
            "Cell state before": before,
            "Forget gate": trace.forget[word, unit],
            "Kept: forget gate × cell state before": trace.forget[word, unit] * before,
            "Input gate (decision gate)": trace.input[word, unit],
            "Candidate (new value)": trace.candidate[word, unit],
            "Cell state now (conveyor belt)": trace.cell[word, unit],
            "Output gate": trace.output[word, unit],
            "Hidden state": trace.hidden[word, unit],
        }
        assert {key: shown[key] for key in expected} == pytest.approx(expected, abs=6e-5)
        assert f"= {_said(trace.cell[word, unit])}" in page.locator(".cell-line").nth(3).inner_text()
        crates = page.locator(".cell-number").all_text_contents()
        assert _said(trace.hidden[word, unit]) in crates


def _said(value):
    return f"{value:.{3 if abs(value) < 0.0995 else 2}f}".replace("-", "−")


def test_the_six_lines_are_those_of_lstm_py(open_page, home):
    page = open_page(make_model(home, "plain"), fragment=_fragment())
    source = [line.strip() for line in Path(lstm.__file__).read_text("utf-8").splitlines()]
    lines = page.locator(".cell-line code").all_inner_texts()
    first = source.index(lines[0])
    assert source[first : first + 6] == lines


def test_pre_activations_are_sums(open_page, home):
    page = open_page(make_model(home, "stacked"), fragment=_fragment(), **STILL)
    page.locator(".cell-sums summary").click()
    rows = page.locator(".cell-sums tbody tr")
    expect(rows).to_have_count(4)  # they are made once it has opened
    rows = rows.evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))")
    for row in rows:
        *parts, total = (float(cell.replace("−", "-")) for cell in row[1:])
        assert sum(parts) == pytest.approx(total, abs=2e-3)


@pytest.mark.parametrize(("lstm_name", "order"), [("lstm.0.forward", [0, 1, 2]), ("lstm.0.backward", [2, 1, 0])])
def test_steps_follow_the_reading_order(open_page, home, lstm_name, order):
    page = open_page(make_model(home, "bidirectional"), fragment="#text=not%20good%20film", **STILL)
    _choose(page, "LSTM", lstm_name)
    _choose(page, "Word", "-1")
    word = page.locator(".cell-controls label:has-text('Word') select")
    back, forward = page.locator("[data-cell=back]"), page.locator("[data-cell=step]")
    assert back.is_disabled()
    seen = []
    for _ in order:
        forward.click()
        seen.append(int(word.input_value()))
    assert seen == order
    back.click()
    assert int(word.input_value()) == order[1]
    assert ("reads from the end" in page.locator("#cell > .note").inner_text()) == lstm_name.endswith("backward")


def test_play_reads_to_the_end_and_stops(open_page, home):
    page = open_page(make_model(home, "plain"), fragment="#text=not%20good%20film")
    page.locator("#cell").scroll_into_view_if_needed()
    page.locator(".cell-controls label:has-text('Speed') select").select_option("4")
    play = page.locator("[data-cell=play]")
    page.evaluate("window.seen = []")
    page.evaluate(
        "new MutationObserver(() => seen.push(document.querySelector('.cell-ribbon .now').textContent))"
        ".observe(document.querySelector('.cell-ribbon'), { childList: true })"
    )
    play.click()
    assert play.inner_text() == "Pause"
    expect(play).to_have_text("Play", timeout=TIMEOUT)
    words = page.evaluate("seen.filter((word, index) => word !== seen[index - 1])")
    start = 1 if words[0] == "film" else 0  # the word before Play, if the panel was first drawn just then
    assert words[start:] == ["not", "good", "film"]


def test_without_motion_a_step_is_drawn_at_once(open_page, home):
    page = open_page(make_model(home, "plain"), fragment=_fragment(), **STILL)
    visible = "document.querySelectorAll('.cell-crate[visibility=visible]').length"
    assert page.evaluate(f"(() => {{ document.querySelector('[data-cell=step]').click(); return {visible}; }})()") == 7


def test_gates_are_as_open_as_their_value(open_page, home):
    folder = make_model(home, "plain")
    page = open_page(folder, fragment=_fragment(), **STILL)
    _choose(page, "Unit", "2")
    trace = explain(folder.classifier(), TEXT).traces["lstm.0.forward"]
    for place, (gate, side) in enumerate([("forget", "height"), ("input", "width"), ("output", "width")]):
        door = page.locator(".cell-door").nth(place)
        size = float(door.locator(".cell-doorway").get_attribute(side))
        shut = sum(float(each.get_attribute(side)) for each in door.locator(".cell-shutter").all())
        assert 1 - shut / size == pytest.approx(getattr(trace, gate)[-1, 2], abs=1e-5)


@pytest.mark.parametrize("architecture", ["plain", "classic", "bidirectional", "n-grams"])
def test_holding_a_gate_at_the_drawing_is_the_what_if_of_python(open_page, home, architecture):
    folder = make_model(home, architecture)
    page = open_page(folder, fragment=_fragment(), **STILL)
    page.locator(".cell-box.forget").get_by_label("open").check(force=True)
    expected = explain(hold(folder.classifier(), [Hold("forget", 1.0)]), TEXT).prediction
    assert _after(page) == pytest.approx(expected.probabilities["pos"], abs=1e-5)
    assert "The forget gate is held at 1: nothing is ever erased." in page.locator(".cell-held").inner_text()
    assert page.locator(".cell-line").first.inner_text().splitlines()[-1].startswith("held at 1.00")
    page.locator(".cell-box.forget").get_by_label("learned").check(force=True)
    assert page.locator(".cell-held").inner_text() == ""


def test_holding_one_unit_at_a_value(open_page, home):
    folder = make_model(home, "bidirectional")
    page = open_page(folder, fragment=_fragment(), **STILL)
    _choose(page, "LSTM", "lstm.1.backward")
    _choose(page, "Unit", "5")
    page.locator("#what-if").scroll_into_view_if_needed()  # it is redrawn when it is seen
    page.get_by_label("in unit 5 only").check(force=True)
    page.get_by_label("Input gate: hold at a value").fill("0.25")
    own = Hold("input", 0.25, 5, "lstm.1.backward")
    expected = explain(hold(folder.classifier(), [own]), TEXT).prediction
    assert _after(page) == pytest.approx(expected.probabilities["pos"], abs=1e-5)
    page.get_by_label("in all units").check(force=True)  # what is held moves along
    expected = explain(hold(folder.classifier(), [Hold("input", 0.25)]), TEXT).prediction
    assert _after(page) == pytest.approx(expected.probabilities["pos"], abs=1e-5)


@pytest.mark.parametrize("architecture", ["plain", "classic", "start word"])
def test_cutting_the_memory(open_page, home, architecture):
    folder = make_model(home, architecture)
    page = open_page(folder, fragment=_fragment(), **STILL)
    page.get_by_label("Set every cell state to 0 before").select_option("3")
    expected = explain(folder.classifier(), TEXT, cut_before=3)
    assert _after(page) == pytest.approx(expected.prediction.probabilities["pos"], abs=1e-5)
    assert "Before “not” every cell state is set to 0" in page.locator("#what-if").inner_text()
    page.locator(".cell-table summary").click()
    _choose(page, "Word", "3")
    assert _table(page)["Cell state before"] == 0


def test_removing_and_replacing_words_and_undo(open_page, home):
    folder = make_model(home, "n-grams")
    classifier = folder.classifier()
    page = open_page(folder, fragment=_fragment(), **STILL)
    panel = page.locator("#what-if")

    def probability(text):
        return pytest.approx(classifier.predict([text])[0].probabilities["pos"], abs=1e-5)

    panel.get_by_label("The word").select_option("3")
    panel.get_by_role("button", name="Remove it").click()
    assert page.locator("#sentence").input_value() == "the film was good, and it is 8/10 !"  # the rest as it was
    assert _after(page) == probability("the film was good, and it is 8/10 !")
    panel.get_by_label("The word").select_option("3")
    panel.get_by_label("Instead of it").fill("not bad")
    panel.get_by_label("Instead of it").press("Enter")
    assert page.locator("#sentence").input_value() == "the film was not bad, and it is 8/10 !"
    assert _after(page) == probability("the film was not bad, and it is 8/10 !")
    assert float(panel.locator(".before b").get_attribute("data-exact")) == probability(TEXT)
    assert panel.locator(".line-slot.removed").all_inner_texts() == ["good"]
    assert panel.locator(".line-slot.added").all_inner_texts() == ["bad"]
    panel.get_by_role("button", name="Undo", exact=True).click()
    panel.get_by_role("button", name="Undo", exact=True).click()
    assert page.locator("#sentence").input_value() == TEXT
    expect(panel.get_by_role("button", name="Undo", exact=True)).to_be_disabled()  # with the next frame
    assert _after(page) == probability(TEXT)


@pytest.mark.parametrize(
    ("architecture", "text"),
    [
        ("n-grams", "GOOD good, It’s l'Été! 8/10 <br /> İS :-) ..... 👍🏽電影 goodgood good"),
        ("start word", " ".join(["good", "not", "a", "film"] * 15)),  # longer than the model reads, cut at the end
        ("n-grams", " ".join(["good", "not", "a", "film"] * 25)),  # cut in the middle
    ],
)
def test_each_word_can_be_removed(open_page, home, architecture, text):
    folder = make_model(home, architecture)
    config = folder.card.config
    page = open_page(folder, **STILL)
    page.locator("#sentence").fill(text)
    panel = page.locator("#what-if")
    panel.scroll_into_view_if_needed()
    words = tokenize(text, config.tokenizer)
    start = [] if config.start_word is None else [-1]
    places = [place for place in clip(start + list(range(len(words))), config.max_len, config.cut) if place >= 0]
    for index in sorted({0, 1, 2, 3, 4, 5, 6, 7, 8, 20, len(places) - 1} & set(range(len(places)))):
        panel.get_by_label("The word").select_option(str(index))
        panel.get_by_role("button", name="Remove it").click()
        changed = page.locator("#sentence").input_value()
        place = places[index]
        assert tokenize(changed, config.tokenizer) == words[:place] + words[place + 1 :]
        panel.get_by_role("button", name="Undo", exact=True).click()
        assert page.locator("#sentence").input_value() == text


def test_reset_undoes_everything(open_page, home):
    page = open_page(make_model(home, "plain"), fragment=_fragment(), **STILL)
    before = page.evaluate("document.body.dataset.probability")
    page.get_by_label("Output gate: hold it").get_by_label("shut").check(force=True)
    page.get_by_label("Set every cell state to 0 before").select_option("2")
    page.locator("#what-if").get_by_role("button", name="Remove it").click()
    assert page.evaluate("document.body.dataset.probability") != before
    page.get_by_role("button", name="Undo all of it").click()
    assert page.evaluate("document.body.dataset.probability") == before
    assert page.locator("#sentence").input_value() == TEXT


def test_n_grams_are_told(open_page, home):
    folder = make_model(home, "n-grams")
    page = open_page(folder, fragment=_fragment(), **STILL)
    page.locator("#what-if").scroll_into_view_if_needed()
    said = re.search(r"P\(pos\) = ([\d.]+)\s%", page.locator(".if-ngrams").inner_text())[1]
    assert float(said) == pytest.approx(100 * explain(folder.classifier(), TEXT).ngrams, abs=0.51)
    assert not open_page(make_model(home, "plain"), fragment=_fragment()).locator(".if-ngrams").is_visible()


def test_matrices(open_page, home):
    folder = make_model(home, "plain")
    page = open_page(folder, fragment=_fragment(), **STILL)
    page.locator("#matrices summary").click()
    box = page.locator(".matrix-box").first
    box.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".cell-controls label:has-text('Unit') select").input_value() == "1"
    assert box.get_attribute("aria-valuetext") == "unit 1"
    kernel = folder.classifier().layers[0]["forward"].forget.kernel
    bounds = page.locator(".matrix-box canvas").first.bounding_box()
    size = bounds["width"] / kernel.shape[1]
    page.mouse.move(bounds["x"] + 2.5 * size, bounds["y"] + 4.5 * size)
    told = page.locator(".matrix-readout").inner_text()
    assert told.startswith("Forget gate: input 4 of the word → unit 2: ")
    assert float(told.rpartition(" ")[2].replace("−", "-")) == pytest.approx(kernel[4, 2], abs=6e-4)


def test_keyboard_alone_finds_and_holds_the_forget_gate(open_page, home):
    folder = make_model(home, "plain")
    page = open_page(folder, fragment=_fragment(), **STILL)
    page.locator("[data-cell=step]").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "cell-hold-forget":
            break
    page.keyboard.press("ArrowRight")  # from "learned" to "open"
    expected = explain(hold(folder.classifier(), [Hold("forget", 1.0)]), TEXT).prediction
    assert _after(page) == pytest.approx(expected.probabilities["pos"], abs=1e-5)
    assert page.evaluate("document.activeElement.value") == "1"  # the focus is still there


@pytest.mark.parametrize("width", [320, 360, 700, 768, 1200, 1440])
def test_nothing_overlaps_at_any_width(open_page, home, width):
    page = open_page(
        make_model(home, "n-grams"), fragment=_fragment(), viewport={"width": width, "height": 800}, **STILL
    )
    page.locator(".cell-box.input").get_by_label("open").check(force=True)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(OVERLAPPING) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(open_page, home, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(make_model(home, "bidirectional"), fragment=_fragment(), color_scheme=theme, **STILL)
    page.locator(".cell-box.output").get_by_label("shut").check(force=True)
    for summary in page.locator("#cell summary").all():
        summary.click()
    page.locator("#what-if").scroll_into_view_if_needed()
    for section in ("#cell", "#what-if"):
        results = axe.Axe().run(page, context=section)
        assert results.violations_count == 0, results.generate_report()
