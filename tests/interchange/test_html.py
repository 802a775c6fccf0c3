"""A model as a page: what is in the file, and what is not. Whether it works is tried in a browser, in tests/page."""

import base64
import gzip
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from page_models import ARCHITECTURES, make_model
from toy import register_toy

import lstmctl
from lstmctl.interchange.html import build_page, make_small_for, page_script, page_style
from lstmctl.interchange.small import SIZES, make_small, measure_loss
from lstmctl.model.what_if import Hold
from lstmctl.registry.store import Registry

CODE = len(page_script().encode()) + len(page_style().encode()) + 8_000  # and the skeleton


class Elements(HTMLParser):
    """The elements of a page and the text of scripts and styles."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self.texts.append((dict(attributes).get("id") or tag, ""))

    def handle_data(self, data):
        if self.texts and self.elements[-1][0] in ("script", "style"):
            name, text = self.texts[-1]
            self.texts[-1] = name, text + data

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.elements.append((f"/{tag}", {}))


def parts_of(page):
    """The text of each script and style; JSON as values, weights as bytes."""
    parts = dict(Elements(page).texts)
    parts["model"] = json.loads(parts["model"])
    parts["weights"] = gzip.decompress(base64.b64decode(parts["weights"]))
    return parts


def test_policy_allows_only_the_own_script_and_style(home):
    page = build_page(make_model(home, "plain"))
    parsed = Elements(page)
    (policy,) = (
        about["content"] for _, about in parsed.elements if about.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("img-src") == "data: blob:"
    for kind in ("script", "style"):
        text = dict(parsed.texts)[kind]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules.pop(f"{kind}-src") == f"'sha256-{digest}'"
    assert set(rules.values()) == {"'none'"}
    assert [name for name, _ in parsed.texts] == ["style", "model", "weights", "script"]
    assert not any(key.startswith("on") or key == "style" for _, about in parsed.elements for key in about)
    links = [about.get(key) or "" for _, about in parsed.elements for key in ("src", "href")]
    assert not any(link.startswith(("http:", "https:", "//")) for link in links)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_are_those_of_the_model(home, name):
    folder = make_model(home, name)
    parts = parts_of(build_page(folder))
    places, data = parts["model"]["parts"], parts["weights"]
    assert sum(place["bytes"] for place in places.values()) == len(data)

    def values(name):
        place = places[name]
        width = np.dtype(place["type"]).itemsize
        planes = np.frombuffer(data, np.uint8, place["bytes"], place["offset"]).reshape(width, -1)
        return planes.T.copy().view(place["type"]).ravel()

    words = data[places["vocabulary"]["offset"] :][: places["vocabulary"]["bytes"]].decode().split("\n")
    assert words == list(folder.vocabulary().words)
    for tensor_name, tensor in folder.weights().items():
        if tensor_name == "ngrams.keys":
            high, low = values("ngrams.high").astype(np.uint64), values("ngrams.low").astype(np.uint64)
            assert ((high << np.uint64(32)) + low == tensor).all()
        else:
            assert (values(tensor_name) == tensor.ravel()).all()


def test_hostile_texts_end_nothing(home):
    hostile = "</script><script>alert(1)</script><!--<script>"
    folder = make_model(home, "plain", labels=(hostile, "</style>\u2028"))
    texts = (hostile, "\ud800 alone", "<!--csp-->", '"\\')
    page = build_page(folder, examples=texts, text=hostile)
    model = parts_of(page)["model"]
    assert model["config"]["labels"] == [hostile, "</style>\u2028"]
    assert model["examples"] == [*texts] and model["text"] == hostile
    assert [name for name, _ in Elements(page).texts] == ["style", "model", "weights", "script"]


def test_no_training_text_and_the_same_bytes(home, no_fsync):
    folder = Registry(home).resolve(register_toy(home))
    page = build_page(folder)
    assert page == build_page(folder)
    parts = parts_of(page)
    assert set(parts["model"]) == {"name", "examples", "text", "holds", "config", "parts"}
    # Counts of words, the command line and the paths of the data stay at home too.
    assert "imdb" not in json.dumps(parts["model"]) and b"30" not in parts["weights"]


def test_holds(home):
    page = build_page(make_model(home, "plain"), holds=[Hold("forget", 1.0, unit=3)])
    assert parts_of(page)["model"]["holds"] == [{"gate": "forget", "value": 1.0, "unit": 3, "lstm": None}]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_sizes(home, name):
    """At most 1.4 times the folder, and a small page a third of that, beside the code of the page."""
    folder = make_model(home, name, embedding_dim=500)
    assert len(build_page(folder)) - CODE <= 1.4 * folder.size
    assert len(build_page(folder, small=make_small_for(folder))) - CODE <= 1.4 * folder.size / 3


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_small_models_are_near(home, name):
    folder = make_model(home, name)
    full, texts = folder.classifier(), ["the film was not good", "good good bad", "", "a great film ! 8/10"]
    losses = []
    for steps, share in (SIZES[0], SIZES[-1]):
        small = make_small(folder.card.config, folder.weights(), steps=steps, share=share)
        losses.append(measure_loss(full, small.classifier(folder.vocabulary()), texts))
    assert losses[0].largest < 0.05 and losses[0].mean <= losses[0].largest and losses[0].texts == 4
    assert 0 < losses[0].largest < losses[1].largest


def test_strongest_ngrams_stay(home):
    folder = make_model(home, "n-grams")
    weights = folder.weights()
    small = make_small(folder.card.config, weights, share=0.25)
    kept = np.isin(weights["ngrams.keys"], small.tensors["ngrams.keys"])
    longer = weights["ngrams.keys"] >= 2**21
    assert kept[~longer].all() and kept[longer].sum() == round(0.25 * longer.sum()) == small.config.ngram_count - kept[
        ~longer
    ].sum()  # fmt: skip
    strength = np.abs(weights["ngrams.weights"][:, 0].astype(float))
    assert strength[longer & kept].min() >= strength[longer & ~kept].max()


def test_export(cli, home, tmp_path):
    make_model(home, "n-grams")
    path = tmp_path / "it.html"
    assert cli("models", "export", "it@1", "--to", "html", "--example", "a", "--example", "not a", "-o", path).code == 0
    assert parts_of(path.read_bytes())["model"]["examples"] == ["a", "not a"]
    small = tmp_path / "small.html"
    result = cli("models", "export", "it@1", "--to", "html", "--small", "-o", small)
    assert result.code == 0 and re.search(r"\d+ of 400 made-up sentences get another label", result.err)
    assert len(small.read_bytes()) < len(path.read_bytes())
    for option in (["--small"], ["--example", "a"]):
        result = cli("models", "export", "it@1", *option, "-o", tmp_path / "x")
        assert result.code == 2 and "--to html" in result.err


def test_explanation_as_a_page(cli, home, tmp_path):
    make_model(home, "plain")
    path = tmp_path / "it.html"
    assert cli("predict", "--explain", "--hold", "forget=1", "not good", "-o", path).code == 0
    model = parts_of(path.read_bytes())["model"]
    assert (model["text"], model["holds"][0]["gate"]) == ("not good", "forget")
    for texts, code in ((["a", "b"], 2), (["-"], 65)):
        result = cli("predict", "--explain", *texts, "-o", tmp_path / "two.html", input=b"")
        assert result.code == code and not (tmp_path / "two.html").exists()
    result = cli("predict", "not good", "-o", tmp_path / "two.html")
    assert result.code == 2 and "--explain" in result.err


def test_every_name_of_the_scripts_is_defined_once():
    """The scripts of the page are joined into one function, in which a second definition would replace the first."""
    scripts = sorted((Path(lstmctl.__file__).parent / "page").glob("*.js"))
    defined = re.compile(r"^(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)
    names = [name for script in scripts for name in defined.findall(script.read_text(encoding="utf-8"))]
    assert len(names) > 100
    assert [name for name, count in Counter(names).items() if count > 1] == []
