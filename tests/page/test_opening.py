"""The page as a file: it opens on what it is told, asks nobody, and works in browsers of 2023."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from page_models import ARCHITECTURES, make_model

from lstmctl.interchange.html import build_page
from lstmctl.interchange.small import make_small
from lstmctl.model.explanation import explain
from lstmctl.model.what_if import Hold, hold

TEXTS = ["the film was not good", "", "a great film ! 8/10", "不 好", "good film qwrtz " * 30]
PREDICT = "(texts) => texts.map((text) => lstmctl.read(model, lstmctl.encode(model, text)).probabilities)"


def test_opens_on_a_text_with_gates_held(open_page, home):
    folder, holds = make_model(home, "n-grams"), [Hold("forget", 0.0), Hold("input", 1.0, unit=2)]
    page = open_page(folder, page_options={"text": TEXTS[0], "holds": holds})
    expected = hold(folder.classifier(), holds).predict(TEXTS[0])
    free = folder.classifier().predict(TEXTS[0])
    assert page.evaluate("document.body.dataset.label") == expected.label
    shown = float(page.evaluate("document.body.dataset.probability"))
    assert shown == pytest.approx(expected.probability, abs=1e-5) != pytest.approx(free.probability, abs=1e-3)


def test_the_text_of_the_address_comes_first(open_page, home):
    folder = make_model(home, "plain")
    page = open_page(folder, fragment="#text=not%20good%20%E4%B8%8D", page_options={"text": "bad"})
    expected = folder.classifier().predict("not good 不").probability
    assert float(page.evaluate("document.body.dataset.probability")) == pytest.approx(expected, abs=1e-5)


@pytest.fixture
def server():
    """A server on this machine: its address, and the requests that it got."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            got.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", got
        listening.shutdown()


ASK = """async (address) => {
    const load = (element, own) => new Promise((resolve) => {
        element.onload = () => resolve('done'); element.onerror = () => resolve('refused');
        element.src = `${address}/${own}`; document.body.append(element);
    });
    return [
        await fetch(`${address}/fetch`).then(() => 'done', () => 'refused'),
        await load(document.createElement('img'), 'image'),
        await load(document.createElement('script'), 'script'),
    ];
}"""


@pytest.mark.browser
def test_no_connection_is_allowed(browser, home, tmp_path, server):
    address, got = server
    path = tmp_path / "it.html"
    path.write_bytes(build_page(make_model(home, "plain")))
    page, requests = browser.new_page(), []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-effects=done]", state="attached")
    assert requests == [path.as_uri()]
    assert page.evaluate(ASK, address) == ["refused"] * 3
    assert got == []
    page.goto(address)  # where nothing is forbidden, the same requests arrive
    page.evaluate(ASK, address)
    page.close()
    assert {"/fetch", "/image", "/script"} <= set(got)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_small_pages_are_the_small_model(open_page, home, name):
    folder = make_model(home, name)
    small = make_small(folder.card.config, folder.weights(), steps=31, share=0.5)
    page = open_page(folder, ready=False, page_options={"small": small})
    expected = small.classifier(folder.vocabulary()).predict(TEXTS)
    told = page.evaluate(PREDICT, TEXTS)
    np.testing.assert_allclose(told, [each.probabilities for each in expected], atol=1e-5)
    assert "null" not in page.locator("#text").text_content()
    assert "weights are rounded" in page.locator("#colophon").text_content()


def test_browsers_without_base64(open_page, home, browser, monkeypatch):
    """Before 2025 they have no `Uint8Array.fromBase64`."""
    new_context = browser.new_context

    def older(**options):
        context = new_context(**options)
        context.add_init_script("delete Uint8Array.fromBase64")
        return context

    monkeypatch.setattr(browser, "new_context", older)
    folder = make_model(home, "n-grams")
    page = open_page(folder)
    assert page.evaluate("Uint8Array.fromBase64 === undefined")
    told = page.evaluate(PREDICT, TEXTS)
    np.testing.assert_allclose(told, [each.probabilities for each in folder.classifier().predict(TEXTS)], atol=1e-5)


def test_ensembles_are_read_block_by_block(open_page, home):
    """As several LSTMs side by side, which is faster; a unit that is connected to another block joins both."""
    folder = make_model(home, "ensemble", units=9, ensemble=3)
    page = open_page(folder, ready=False)
    assert page.evaluate("model.lstms[0].packed.blocks") == [0, 3, 6, 9]
    assert page.evaluate("lstmctl.blocksOf({ units: 3, recurrent: new Float64Array(36) })") == [0, 1, 2, 3]
    for row, column, expected in ((0, 2, [0, 3]), (2, 0, [0, 3]), (0, 1, [0, 2, 3]), (2, 1, [0, 1, 3])):
        # (units, 4·units): the number of one row and one unit of the output gate
        told = page.evaluate(
            "(at) => { const recurrent = new Float64Array(36); recurrent[at] = 1;"
            " return lstmctl.blocksOf({ units: 3, recurrent }); }",
            12 * row + 9 + column,
        )
        assert told == expected
    text = TEXTS[0]
    told = page.evaluate("(text) => [...lstmctl.read(model, lstmctl.encode(model, text)).running]", text)
    np.testing.assert_allclose(told, explain(folder.classifier(), text).probability, atol=1e-5)
