"""The page of a model: its size beside the model's folder, and how long a keystroke takes in Chromium.

    python tests/benchmarks/page.py [MODEL …] [--keystrokes 40]

Prints Markdown tables. A keystroke changes the text of the page as typing does and ends when all panels are drawn: once at
the end of a text, once in its middle. `model` is the part that reads the text. Times are medians in milliseconds.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from lstmctl.interchange.html import build_page, page_script, page_style
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


def print_sizes(folders: list[ModelFolder]) -> None:
    code = len(page_script()) + len(page_style())
    print(f"code of the page: {code / 1e3:.0f} kB\n")
    print("| model | folder, MB | page, MB | ratio |\n|---|---|---|---|")
    for folder in folders:
        full = len(build_page(folder))
        print(f"| {folder.reference} | {folder.size / 1e6:.2f} | {full / 1e6:.2f} | {full / folder.size:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="default: all in the registry")
    parser.add_argument("--keystrokes", type=int, default=40)
    arguments = parser.parse_args()
    registry = Registry(default_home(None, os.environ))
    folders = [registry.resolve(name) for name in arguments.models or registry.references()]
    print_sizes(folders)
    print("\n| model | words | model, at the end | all, at the end | model, in the middle | all, in the middle | open |")
    print("|---|---|---|---|---|---|---|")
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
