"""A model as one HTML file that shows how it reads: model, tokenizer and page, without any connection to anywhere.

The page is made of the files in lstmctl/page, joined in a fixed order: the scripts into one <script>, the styles into
one <style>. A Content-Security-Policy allows exactly these two, by their SHA-256, and no connection of any kind.

Payload. `<script type="application/json" id="model">` says what the model is and where its parts are;
`<script type="text/plain" id="weights">` holds the parts, concatenated, compressed with gzip, in base64:

    vocabulary      words     separated by line feeds, in the order of their ids
    ngrams.low/high uint32    the lower and upper half of each key
    ngrams.weights  float16   or int8
    others          float32   or, if the page is a small one, int8: first the scale of each row (float32), then the rows

All numbers but int8 are stored plane by plane: the first bytes of all numbers, then the second bytes, and so on, which
gzip compresses better. The page has no text from the training data; the counts of words are left out too.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmctl.config import ModelConfig
from lstmctl.interchange.small import SIZES, SmallModel, make_small
from lstmctl.model.lstm import Floats
from lstmctl.model.text import Vocabulary
from lstmctl.model.what_if import Hold
from lstmctl.registry.artifact import ModelFolder

PAGE = Path(__file__).parent.parent / "page"
# Scripts that come first, in this order.
_FIRST = ("text", "lstm", "ngrams", "model", "prefixes", "question", "explain", "api", "dom", "colours", "app")
_POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
# What a page starts with: of these, sentences of words that the model knows.
EXAMPLES = tuple((f"a good {noun}", f"not a good {noun}") for noun in ("film", "product", "place", "book", "day"))

Tensors = Mapping[str, NDArray[Any]]


def build_page(
    folder: ModelFolder,
    *,
    small: SmallModel | None = None,
    examples: Sequence[str] = (),
    text: str | None = None,
    holds: Sequence[Hold] = (),
) -> bytes:
    """The page of a model, in UTF-8. `examples` are sentences to start with; the page opens on `text`, if given, with
    the gates of `holds` held. With `small`, the page has its weights instead of those of the folder."""
    config = folder.card.config if small is None else small.config
    parts = _Parts()
    parts.add_words(folder.vocabulary())
    if small is None:
        for name, tensor in folder.weights().items():
            parts.add(name, tensor)
    else:
        for name, tensor in small.tensors.items():
            if name in small.scales:
                parts.add_rounded(name, tensor, small.scales[name])
            else:
                parts.add(name, tensor)
    header = {
        "name": folder.reference,
        "examples": list(examples or _neutral_examples(folder.vocabulary())),
        "text": text,
        "holds": [hold._asdict() for hold in holds],
        "config": page_config(config),
        "parts": parts.places,
    }
    return _assemble(header, parts.packed())


def make_small_for(folder: ModelFolder) -> SmallModel:
    """The best small form of a model with which its page, without its code, has a third of the size."""
    code = len(page_script().encode()) + len(page_style().encode())
    room = (len(build_page(folder)) - code) / 3 + code
    for steps, share in SIZES:
        small = make_small(folder.card.config, folder.weights(), steps=steps, share=share)
        if len(build_page(folder, small=small)) <= room:
            break
    return small


def _neutral_examples(vocabulary: Vocabulary) -> tuple[str, ...]:
    """The pair of sentences with the most known words, the first of equals."""
    return max(EXAMPLES, key=lambda pair: sum(word in vocabulary.ids for word in " ".join(pair).split()))


def page_config(config: ModelConfig) -> dict[str, Any]:
    """What the page knows about the model."""
    return {
        "labels": list(config.labels),
        "positive": config.positive,
        "outputs": config.outputs,
        "tokenizer": config.tokenizer,
        "vocabSize": config.vocab_size,
        "maxLen": config.max_len,
        "cut": config.cut,
        "padding": config.padding,
        "startWord": config.start_word,
        "embeddingDim": config.embedding_dim,
        "units": config.units,
        "layers": config.layers,
        "bidirectional": config.bidirectional,
        "directions": list(config.directions),
        "pools": list(config.pools),
        "ngramOrder": config.ngram_order,
        "ngramInputs": config.ngram_inputs,
        "ngramCount": config.ngram_count,
        "parameters": config.parameters,
    }


class _Parts:
    """The parts of the payload and their places in it."""

    def __init__(self) -> None:
        self.places: dict[str, dict[str, Any]] = {}
        self._data = bytearray()

    def add_words(self, vocabulary: Vocabulary) -> None:
        """Add the words of a vocabulary."""
        self._append("vocabulary", "\n".join(vocabulary.words).encode(), type="words")

    def add(self, name: str, tensor: NDArray[Any]) -> None:
        """Add a tensor of a model."""
        if name == "ngrams.keys":
            self._add_numbers("ngrams.low", tensor.astype(np.uint32), "uint32")
            self._add_numbers("ngrams.high", (tensor >> np.uint64(32)).astype(np.uint32), "uint32")
        else:
            self._add_numbers(name, tensor, "float16" if tensor.dtype == np.float16 else "float32")

    def add_rounded(self, name: str, rows: NDArray[np.int8], scales: Floats) -> None:
        """Add a matrix of int8, each row of which stands for its numbers divided by a scale."""
        data = planes(scales.astype("<f4")) + rows.tobytes()
        self._append(name, data, type="int8", count=rows.size, columns=rows.size // len(scales))

    def _add_numbers(self, name: str, tensor: NDArray[Any], kind: str) -> None:
        values = tensor.astype(np.dtype(kind).newbyteorder("<"))
        self._append(name, planes(values), type=kind, count=values.size)

    def _append(self, name: str, data: bytes, **about: Any) -> None:
        self.places[name] = {"offset": len(self._data), "bytes": len(data), **about}
        self._data += data

    def packed(self) -> bytes:
        """All parts, compressed; the same parts give the same bytes."""
        return gzip.compress(bytes(self._data), 9, mtime=0)


def planes(values: NDArray[Any]) -> bytes:
    """The first bytes of all numbers, then the second bytes, and so on.

    >>> planes(np.array([1, 2], "<u2"))
    b'\\x01\\x02\\x00\\x00'
    """
    flat = np.ascontiguousarray(values).reshape(-1)
    return flat.view(np.uint8).reshape(flat.size, values.itemsize).T.tobytes()


def _assemble(header: Mapping[str, Any], data: bytes) -> bytes:
    """The file: page.html with its placeholders replaced."""
    script, style = page_script(), page_style()
    # In JSON, < occurs only in strings, where it can be escaped: no text can end the element that holds it.
    about = json.dumps(header, ensure_ascii=False).replace("<", "\\u003c")
    about = about.encode("utf-8", "backslashreplace").decode()  # lone surrogates, which only \u can write
    policy = _POLICY.format(script=_digest(script), style=_digest(style))
    parts = {
        "csp": f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        "style": f"<style>{style}</style>",
        "payload": f'<script type="application/json" id="model">{about}</script>\n'
        f'<script type="text/plain" id="weights">{base64.b64encode(data).decode()}</script>',
        "script": f"<script>{script}</script>",
    }
    page = (PAGE / "page.html").read_text("utf-8")
    pieces: list[str] = []
    for name, part in parts.items():  # in the order of the page
        before, placeholder, page = page.partition(f"<!--{name}-->")
        if not placeholder:
            raise RuntimeError(f"page.html has no placeholder for {name}")
        pieces += before, part
    return "".join([*pieces, page]).encode()


def page_script() -> str:
    """The script of the page."""
    found = {path.stem for path in PAGE.glob("*.js")}
    names = [name for name in _FIRST if name in found]
    names += [*sorted(found - {*_FIRST, "main"}), *(["main"] if "main" in found else [])]
    sources = "\n".join((PAGE / f"{name}.js").read_text("utf-8") for name in names)
    return _checked(f"(() => {{\n'use strict';\n{sources}\n}})();\n", "script")


def page_style() -> str:
    """The style sheet of the page."""
    names = sorted((path.stem for path in PAGE.glob("*.css")), key=lambda name: (name != "page", name))
    return _checked("\n".join((PAGE / f"{name}.css").read_text("utf-8") for name in names), "style")


def _checked(source: str, element: str) -> str:
    """A source that an HTML parser reads as it is: its checksum depends on it."""
    if any(text in source.lower() for text in (f"</{element}", "<!--", "<script", "\r", "\0")):
        raise RuntimeError(f"the {element} of the page contains what ends it")
    return source


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
