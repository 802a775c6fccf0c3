"""The page of a model: its size beside the model's folder, and how long a keystroke takes in Chromium.

    python tests/benchmarks/page.py [MODEL …] [--keystrokes 40] [--small]

Prints Markdown tables. A keystroke changes the text of the page as typing does and ends when all panels are drawn: once
at the end of a text, once in its middle. `model` is the part that reads the text, `open` the time to read the model.
Times are medians in milliseconds. With --small, small pages are made too, and their loss is measured on the test
part of the model.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from lstmctl.evaluation.selection import Choice, select_texts
from lstmctl.interchange.html import build_page, make_small_for, page_script, page_style
from lstmctl.interchange.small import measure_loss
from lstmctl.registry.artifact import ModelFolder
from lstmctl.registry.home import default_home
from lstmctl.registry.store import Registry

LENGTHS = (100, 500)
# What typing does, without the time that the browser waits for the next frame.
TYPE = """async ([words, count, where]) => {
    const model = window.loaded ??= await lstmctl.readModel(), box = document.querySelector('textarea');
    const median = (values) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)];
    const wholes = [], models = [], half = Math.floor(words.length / 2);
    for (let key = 0; key < count; key++) {
        const extra = 'wonderful'.slice(0, 1 + key % 9), at = where === 'end' ? words.length : half;
        const text = [...words.slice(0, at), extra, ...words.slice(at)].join(' ');
        let start = performance.now();
        lstmctl.read(model, lstmctl.encode(model, text));
        models.push(performance.now() - start);
        box.value = text;
        start = performance.now();
        box.dispatchEvent(new Event('input', { bubbles: true }));
        document.body.getBoundingClientRect();
        await new Promise((resolve) => setTimeout(resolve));
        wholes.push(performance.now() - start);
        await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return [median(models), median(wholes)];
}"""
OPEN = "async () => { const start = performance.now(); await lstmctl.readModel(); return performance.now() - start; }"


def measure(page: Page, words: list[str], *, keystrokes: int) -> list[float]:
    """For typing at the end and in the middle: milliseconds of the model, and of all."""
    return [each for where in ("end", "middle") for each in page.evaluate(TYPE, [words, keystrokes, where])]


def print_sizes(folders: list[ModelFolder], home: Path, *, with_small: bool) -> None:
    code = len(page_script().encode()) + len(page_style().encode())
    print(f"code of the page: {code / 1e3:.0f} kB\n")
    print("| model | folder, MB | page, MB | page ÷ folder | small, MB | its loss |\n|---|---|---|---|---|---|")
    for folder in folders:
        full, small, loss = len(build_page(folder)), "", ""
        if with_small:
            made = make_small_for(folder)
            examples, description, *_ = select_texts([folder], Choice(), home=home)
            texts, other = [example.text for example in examples], made.classifier(folder.vocabulary())
            small = f"{len(build_page(folder, small=made)) / 1e6:.2f}"
            loss = measure_loss(folder.classifier(), other, texts).describe(f"texts of {description}")
        sizes = f"{folder.size / 1e6:.2f} | {full / 1e6:.2f} | {full / folder.size:.2f}"
        print(f"| {folder.reference} | {sizes} | {small} | {loss} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="default: all in the registry")
    parser.add_argument("--keystrokes", type=int, default=40)
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    registry = Registry(default_home(None, os.environ))
    folders = [registry.resolve(name) for name in arguments.models or registry.references()]
    print_sizes(folders, registry.home, with_small=arguments.small)
    columns = "model", "words", "model, end", "all, end", "model, middle", "all, middle", "open"
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        arguments_of_browser = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments_of_browser)
        for folder in folders:
            path = Path(temporary, "page.html")
            path.write_bytes(build_page(folder, text=""))
            for length in LENGTHS:
                page = browser.new_page()
                page.goto(path.as_uri())
                page.wait_for_selector("body[data-ready=true]", state="attached")
                words = list(folder.vocabulary().words[10 : 10 + length])
                times = measure(page, words, keystrokes=arguments.keystrokes)
                cells = " | ".join(f"{value:.1f}" for value in (*times, page.evaluate(OPEN)))
                print(f"| {folder.reference} | {length} | {cells} |", flush=True)
                page.close()


if __name__ == "__main__":
    main()
