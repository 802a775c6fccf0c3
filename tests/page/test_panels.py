"""What a reader does with the page: typing, choosing words, reading the heat map, comparing, taking it along."""

import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from toy import NGRAM_CONFIG, register_random, register_toy

from lstmctl.model.explanation import explain
from lstmctl.model.what_if import parse_hold
from lstmctl.registry.store import Registry

WIDTHS = (360, 1440)
HEIGHT = 900


@pytest.fixture
def film(open_page, home):
    """The toy model's page, opened on a text."""

    def call(text: str = "a good film", **options: object) -> Page:
        folder = Registry(home).resolve(register_toy(home, config=NGRAM_CONFIG))
        return open_page(folder, page_options={"text": text, "examples": ["a good film", "a bad film"]}, **options)

    return call


def with_effects(page: Page) -> Page:
    """Wait for the effects of the words, which come after the answer, and until they are drawn."""
    page.wait_for_selector("body[data-effects=done]", state="attached")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page


def chips(page: Page) -> list[str]:
    page.locator("#words").scroll_into_view_if_needed()
    return page.locator("#words .chip-word").all_inner_texts()


def saved(page: Page, button: str, folder: Path) -> bytes:
    """What a button of the last panel saves."""
    with page.expect_download() as download:
        page.locator(button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_bytes()


def test_the_answer_follows_typing(film):
    page = film("good")
    assert page.evaluate("document.body.dataset.label") == "pos"
    page.locator("#sentence").fill("bad")
    assert page.evaluate("document.body.dataset.label") == "neg"
    expect(page.locator("#text h2")).to_contain_text("The answer is neg")
    page.locator("#sentence").press_sequentially(" film")
    assert chips(with_effects(page)) == ["bad", "film"]
    expect(page).to_have_url(re.compile("#text=bad%20film$"))  # it follows after a pause


def test_no_word_at_all(film):
    page = with_effects(film("... !!"))
    expect(page.locator("#text h2")).to_contain_text("Before any word")
    expect(page.locator("#words h2")).to_contain_text("no words")
    page.locator("#sentence").fill("good")
    assert chips(with_effects(page)) == ["good"]


def test_the_address_tells_the_text(film):
    text = "bad film & 100% #1 ?\n+ ü"
    page = film("good", fragment="#text=bad%20film%20%26%20100%25%20%231%20%3F%0A%2B%20%C3%BC")
    assert page.locator("#sentence").input_value() == text
    page.evaluate("location.hash = '#text=good'")
    expect(page.locator("#sentence")).to_have_value("good")
    page.evaluate("location.hash = '#text=100%'")  # not an encoding
    expect(page.locator("#sentence")).to_have_value("100%")


def test_enter_adds_nothing_and_pasted_lines_become_one(film):
    page = film("good")
    field = page.locator("#sentence")
    field.press("End")
    field.press("Enter")
    field.press_sequentially(" film")
    assert field.input_value() == "good film"
    field.press("Home")
    page.keyboard.insert_text("a\nvery\n")
    assert field.input_value() == "a very good film"
    page.keyboard.type("very ")
    assert field.input_value() == "a very very good film"


def test_a_small_vocabulary_is_told(film):
    page = film("good")
    expect(page.locator("#text .known-words")).to_have_text("This model knows only 3 words: good, bad, film.")
    assert "rounded" not in page.locator("#colophon").text_content()


def test_an_example_is_one_click(film):
    page = film("good")
    page.get_by_role("button", name="a bad film").click()
    assert page.evaluate("document.body.dataset.label") == "neg"


def test_effects_unknown_and_decisive_words(film, home):
    page = with_effects(film("a good film"))
    explained = explain(Registry(home).resolve("tiny").classifier(), "a good film")
    expect(page.locator("#words .chip.decisive")).not_to_have_count(0)
    labels = page.locator("#words .chip").evaluate_all("chips => chips.map((chip) => chip.ariaLabel)")
    for label, effect in zip(labels, explained.effect, strict=True):
        assert float(label.split("effect ")[1].split(",")[0].replace("−", "-")) == pytest.approx(effect, abs=0.006)
    assert [label.endswith("unknown word") for label in labels] == [not known for known in explained.known]
    # Not by colour alone.
    assert page.locator("#words .chip.decisive .chip-mark").first.inner_text() in "▲▼"
    expect(page.locator("#words h2")).to_contain_text("“good” matters most")


def test_what_an_effect_is_and_that_marked_ones_show(film):
    page = with_effects(film("a good film"))
    told = "the probability of pos with the word minus the probability without it"
    expect(page.locator("#words > .note").first).to_contain_text(told)
    assert page.evaluate("lstmctl.decisiveWords([0.5, 0.004, -0.3])") == [0, 2]
    assert page.evaluate("lstmctl.decisiveWords([0.004, -0.001])") == []


@pytest.mark.parametrize(
    ("one", "other", "texts", "points"),
    [
        (0.11, 0.853, ("11 %", "85 %"), "▲ +74 points"),
        (0.02, 0.00996, ("2.0 %", "1.0 %"), "▼ −1.0 points"),
        (0.52, 0.5204, ("52.00 %", "52.04 %"), "▲ less than 0.1 points"),
        (0.99995, 0.9997, ("> 99.99 %", "99.97 %"), "▼ less than 0.1 points"),
        (0.52, 0.520001, ("52 %", "52 %"), "▲ less than 0.01 points"),
        (0.52, 0.52, ("52 %", "52 %"), "no difference"),
    ],
)
def test_two_probabilities_and_their_difference_agree(film, one, other, texts, points):
    page = film("good")
    told = page.evaluate(f"[...lstmctl.percents({one}, {other}), lstmctl.pointsBetween({one}, {other})]")
    assert [text.replace("\u00a0", " ") for text in told] == [*texts, points]


def test_a_word_is_chosen_by_keyboard_alone(film):
    page = with_effects(film("a good film"))
    page.locator("#sentence").focus()
    for _ in range(4):  # two examples, then the words
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.role") == "option":
            break
    assert page.evaluate("document.activeElement.textContent").startswith("film")  # one stop for all words
    page.keyboard.press("ArrowLeft")
    assert "good" in page.evaluate("document.activeElement.textContent")
    assert page.locator("#words [aria-selected=true]").get_attribute("aria-label").startswith("good")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#words [aria-selected=true]").get_attribute("aria-label").startswith("a")
    assert page.locator("#words [tabindex='0']").count() == 1
    expect(page.locator("#words .chosen-word")).to_contain_text("Word 1 of 3")


def test_right_to_left(film):
    page = with_effects(film("הסרט good film"))
    boxes = page.locator("#words .chip").evaluate_all("chips => chips.map((chip) => chip.getBoundingClientRect().x)")
    assert boxes == sorted(boxes, reverse=True)
    page.locator("#words .chip").nth(0).click()
    page.keyboard.press("ArrowLeft")  # onwards
    assert page.locator("#words [aria-selected=true]").get_attribute("aria-label").startswith("good")


def test_the_heat_map_by_keyboard_and_as_a_table(film, home):
    page = with_effects(film("a good film"))
    page.locator("#heatmap input[value=forget]").check(force=True)
    expect(page.locator("#heatmap h2")).to_contain_text("forget gate")
    expect(page.locator("#heatmap .scale-labels").first).to_contain_text("0.5")  # of a scale from 0 to 1
    page.locator("#heatmap .map-scroller").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.locator("#heatmap summary").click()
    trace = explain(Registry(home).resolve("tiny").classifier(), "a good film").traces["lstm.0.forward"]
    expect(page.locator("#heatmap tbody tr")).to_have_count(3)
    rows = page.locator("#heatmap tbody tr").all_inner_texts()
    for row in rows:
        unit, *shown = row.replace("−", "-").split()
        names = ("cell", "forget", "input", "candidate", "output", "hidden")
        expected = [getattr(trace, name)[1, int(unit)] for name in names]
        assert [float(number) for number in shown[:6]] == pytest.approx(expected, abs=6e-4)
    expect(page.locator("#heatmap .readout h3")).to_contain_text("good")


def test_several_lstms_can_be_chosen(open_page, home):
    page = open_page(register_random(home, {"layers": 2, "bidirectional": True}), fragment="#text=good%20film")
    names = page.locator("#heatmap select option").all_inner_texts()
    assert names[0] == "layer 1, forward LSTM"
    page.locator("#heatmap select").select_option("lstm.0.backward")
    expect(page.locator("#heatmap select")).to_have_value("lstm.0.backward")


def test_a_review_of_five_hundred_words(open_page, home):
    folder = register_random(home, {"units": 64, "max_len": 600})
    page = with_effects(open_page(folder, viewport={"width": 360, "height": 800}))
    page.locator("#sentence").fill("a good film and a bad one " * 72)
    page.locator("#words").scroll_into_view_if_needed()  # what is off the screen is drawn later
    expect(page.locator("#words .chip")).to_have_count(504)
    expect(page.locator("#text .note").last).to_contain_text("Read 504 words")
    page.locator("#words .chip").last.click()
    page.keyboard.press("Home")
    assert page.locator("#words [aria-selected=true]").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_two_sentences(film):
    page = with_effects(film("a good film"))
    page.locator("#pair").scroll_into_view_if_needed()
    first, second = page.locator("#pair input").all()
    expect(first).to_have_value("a good film")
    expect(second).to_have_value("a bad film")
    expect(page.locator("#pair h2")).to_contain_text("“bad” instead of “good” takes pos from")
    second.fill("a good good film")
    expect(page.locator("#pair h2")).to_contain_text("One more word, “good”")
    page.locator("#pair summary").click()
    expect(page.locator("#pair tbody tr")).to_have_count(4)
    page.get_by_role("button", name="Swap").click()
    expect(page.locator("#sentence")).to_have_value("a good good film")


@pytest.mark.parametrize("shape", [{}, {"layers": 2, "bidirectional": True, "pooling": "last+max"},
                                   {"padding": "pre"}, {"labels": ("a", "b", "c"), "ngrams": "2"}])  # fmt: skip
def test_the_numbers_are_those_of_predict(open_page, home, tmp_path, cli, shape):
    page = with_effects(open_page(register_random(home, shape), fragment="#text=a%20good%20bad%20film"))
    ours = json.loads(saved(page, "#save-json", tmp_path))
    arguments = ("--explain", "--json", "--all-units", "--model", "it", "a good bad film")
    theirs = json.loads(cli("predict", *arguments).out)
    assert_like(ours, theirs)


def test_the_numbers_with_a_gate_held(open_page, home, tmp_path, cli):
    page = with_effects(open_page(register_random(home, {}), fragment="#text=a%20good%20bad%20film"))
    page.locator("#what-if").get_by_role("radio", name="open").first.check(force=True)  # the forget gate
    ours = json.loads(saved(page, "#save-json", tmp_path))
    arguments = ("--explain", "--json", "--all-units", "--hold", "forget=1", "--model", "it", "a good bad film")
    assert_like(ours, json.loads(cli("predict", *arguments).out))
    expect(page.locator("#text .held")).to_contain_text("changed network: forget gate held at 1, under")
    assert "forget gate held at 1" in saved(page, "#save-svg", tmp_path).decode()
    page.locator("#text .held button").click()
    expect(page.locator("#text .held")).to_be_hidden()


def test_a_page_opens_with_gates_held(open_page, home, tmp_path, cli):
    folder = register_random(home, {})
    page = with_effects(open_page(folder, page_options={"text": "a good film", "holds": [parse_hold("forget.2=0")]}))
    ours = json.loads(saved(page, "#save-json", tmp_path))
    arguments = ("--explain", "--json", "--all-units", "--hold", "forget.2=0", "--model", "it", "a good film")
    assert_like(ours, json.loads(cli("predict", *arguments).out))
    expect(page.locator("#text .held")).to_be_visible()


def assert_like(ours: object, theirs: object, path: str = "") -> None:
    """The same fields in the same order, and numbers that are equal up to rounding."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), path
        for name, value in theirs.items():
            assert_like(ours[name], value, f"{path}.{name}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), path
        for index, value in enumerate(theirs):
            assert_like(ours[index], value, f"{path}[{index}]")
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, abs=1e-5), path
    else:
        assert ours == theirs, path


def test_pictures(film, tmp_path):
    page = with_effects(film("a good film <b>&</b>"))
    svg = saved(page, "#save-svg", tmp_path).decode()
    assert svg.startswith("<svg")
    assert "good" in svg and "cell state" in svg.lower()
    assert saved(page, "#save-png", tmp_path).startswith(b"\x89PNG\r\n")
    page.locator("#sentence").fill("good " * 20)
    assert saved(page, "#save-svg", tmp_path).count(b"<circle") == 21


def test_the_link_reopens_the_sentence(film):
    page = film("bad film?", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#copy-link").click()
    expect(page.locator("#export [role=status]")).to_contain_text("link")
    link = page.evaluate("document.querySelector('#export .link').value || navigator.clipboard.readText()")
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#sentence")).to_have_value("bad film?")


def test_the_link_does_not_tell_what_is_held(film):
    page = film("bad film", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#what-if").get_by_role("radio", name="shut").first.check(force=True)
    page.locator("#copy-link").click()
    expect(page.locator("#export [role=status]")).to_contain_text("the sentence only")
    expect(page.locator("#export [role=status]")).to_contain_text("forget gate held at 0")


def test_an_empty_box_says_what_is_missing(film):
    page = film("a bad film")
    panel = page.locator("#what-if")
    panel.get_by_label("The word").select_option("1")
    panel.get_by_role("button", name="Replace").click()
    expect(panel.locator(".if-problem")).to_contain_text("instead of “bad”")
    panel.get_by_label("Instead of it").fill("..,")
    panel.get_by_role("button", name="Replace").click()
    expect(panel.locator(".if-problem")).to_contain_text("has no word")
    panel.get_by_label("Instead of it").fill("good")
    expect(panel.locator(".if-problem")).to_be_hidden()
    panel.get_by_role("button", name="Replace").click()
    expect(page.locator("#sentence")).to_have_value("a good film")


HOSTILE = '<img src=x onerror="window.hit=1"> <script>window.hit=1</script> good \'"&lt;'


def test_markup_in_texts_and_labels_is_text(open_page, home):
    labels = ("<img src=x onerror=window.hit=1>", "</script><script>window.hit=1</script>", "c")
    page = with_effects(open_page(register_random(home, {"labels": labels}), page_options={"text": HOSTILE}))
    page.locator("#pair input").last.fill(HOSTILE)
    page.locator("#export").scroll_into_view_if_needed()
    page.wait_for_timeout(100)
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    assert page.evaluate("document.body.dataset.label") in labels


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(open_page, home, width, scheme):
    shape = {"layers": 2, "bidirectional": True, "labels": ("a", "b", "c"), "max_len": 200}
    folder = register_random(home, shape)
    options = {"viewport": {"width": width, "height": HEIGHT}, "color_scheme": scheme, "reduced_motion": "reduce"}
    text = "a good bad film " * (1 if width > 1000 else 30)  # long texts are drawn in another way
    page = with_effects(open_page(folder, page_options={"text": text}, **options))
    for section in page.locator("main > section").all():
        section.scroll_into_view_if_needed()
        page.wait_for_timeout(50)  # panels are drawn when they come near
    for summary in page.locator("summary").all():
        summary.click()
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()


def test_no_row_of_words_has_one_alone(film):
    text = "the acting was dull but the ending is really wonderful"
    page = with_effects(film(text, viewport={"width": 390, "height": 844}))
    tops = page.locator("#text .line-slot").evaluate_all("slots => slots.map((slot) => slot.offsetTop)")
    rows = [tops.count(top) for top in sorted(set(tops))]
    assert len(rows) > 1 and max(rows) - min(rows) <= 1


@pytest.mark.parametrize("text", ["good", "a good film " * 6, "x" * 300, "الفيلم جيد " * 12, "这部电影很好" * 9])
def test_nothing_is_wider_than_a_telephone(film, text):
    page = with_effects(film(text, viewport={"width": 360, "height": 740}))
    for section in page.locator("main > section").all():
        section.scroll_into_view_if_needed()
        page.wait_for_timeout(30)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
