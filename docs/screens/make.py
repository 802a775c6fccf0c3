"""Draw the screens of the documentation: `python docs/screens/make.py` runs commands in a terminal and writes SVG.

Needs a model of the data set imdb in the registry (`lstmctl train --epochs 3`); trains two small models on the way.
Each screen is the output of the program on a real (pseudo-)terminal, including colours and cursor movements.
"""

import argparse
import csv
import fcntl
import itertools
import os
import pty
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape

import regex  # noqa: TID253  # user-perceived characters
from rich.cells import cell_len

from lstmctl.plots.figures import rgb

HERE = Path(__file__).parent
PAGES = HERE.parent / "pages"
CELL, LINE, MARGIN = 8.4, 19, 14  # pixels
STYLE = """
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Noto Sans CJK SC',monospace;fill:#1f2328}
.page{fill:#fff;stroke:#d1d9e0}.dim{opacity:.6}.bold{font-weight:700}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117;stroke:#3d444d}}
"""

NEGATED = "not the film was a bit long and good"
PAIR = "a bit long and good", "not a bit long and good"
SENTENCE = "the acting was dull but the ending is wonderful"
REVIEW = """
My sister chose this one, and for half an hour I was sure that she had chosen badly. The opening is slow, the music is
far too loud, and nobody in the village seems to have a reason to be there. I nearly fell asleep. Then the old teacher
finds the letter, and everything that looked boring turns out to have been patience. The scene at the station, with no
word spoken for three minutes, is one of the most beautiful I have seen in years. Not all of it works: the lawyer is a
terrible part, badly written and played without any interest, and the accident is a cheap trick. But the last quarter is
excellent, the light is wonderful, and the two girls are a delight to watch. We talked about it all the way home. I
would have given it up after the first reel, and that would have been a mistake. Go with somebody who is patient, and
stay to the end.
"""
# Positive and negative in turns.
CHINESE = (
    "这部电影很好看", "剧情太无聊了", "演员非常精彩", "音乐真难听",
    "我很喜欢结局", "浪费时间", "值得再看一遍", "一点意思都没有",
)  # fmt: skip
EMOJI = {"pos": ("👍", "😊", "❤️"), "neg": ("👎", "😴", "😡")}


class Screen(NamedTuple):
    """A command and the terminal it runs in."""

    name: str
    columns: int
    command: Sequence[str]
    plain: bool = False  # no colours, ASCII only
    shown: Sequence[str] = ()  # the command line to show, if the real one is long


def explained(text: str) -> list[str]:
    return ["predict", "--explain", text]


SCREENS = (
    Screen("short", 80, explained(SENTENCE)),
    Screen("long", 80, explained(" ".join(REVIEW.split())), shown=explained("My sister chose this one, and for half…")),
    Screen("narrow", 60, explained(SENTENCE)),
    Screen("plain", 80, explained(SENTENCE + ", qwrtz"), plain=True),
    Screen("chinese", 80, ["predict", "-m", "films-zh", "--explain", "这部电影很好看，可是音乐真难听 👎🏽"]),
    Screen("cell", 80, ["plot", "--kind", "gates", "--show", "cell", "--text", SENTENCE]),
)


class Run(NamedTuple):
    """Consecutive characters of one style."""

    column: int
    text: str
    classes: frozenset[str]
    color: int | None
    background: int | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*(screen.name for screen in SCREENS), "pages"])
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory() as temporary:
        for screen in SCREENS:
            if only in (None, screen.name):
                environment = {"LSTMCTL_HOME": train_chinese(Path(temporary))} if screen.name == "chinese" else {}
                (HERE / f"{screen.name}.svg").write_text(draw(screen, output(screen, environment)), encoding="utf-8")
        if only is None:
            home = train_negation(Path(temporary))
            for show in ("forget", "cell"):
                command = ["plot", "--kind", "gates", "-m", "negation", "--show", show, "--text", NEGATED]
                run(*command, "--force", "-o", str(HERE / f"{show}-map.svg"), LSTMCTL_HOME=home)
            texts = [option for text in PAIR for option in ("--text", text)]
            command = ["plot", "--kind", "words", "-m", "negation", *texts]
            run(*command, "--force", "-o", str(HERE / "words.svg"), LSTMCTL_HOME=home)
        if only in (None, "pages"):
            make_pages(train_negation(Path(temporary)) if only else home)


def run(*arguments: str, **environment: str) -> None:
    subprocess.run([sys.executable, "-m", "lstmctl", *arguments], check=True, env={**os.environ, **environment})


def make_pages(home: str) -> None:
    """docs/pages: the model of the reviews and that of the ten words, whose registry is `home`, as pages for a browser;
    and pictures of both in Chromium, in light and dark."""
    PAGES.mkdir(exist_ok=True)
    films = [option for text in (SENTENCE, "a good film", "not a good film") for option in ("--example", text)]
    ten_words = [option for text in reversed(PAIR) for option in ("--example", text)]
    export = ("models", "export", "--to", "html", "--force")
    run(*export, "imdb", "--small", *films, "-o", str(PAGES / "films.html"))
    run(*export, "negation", *ten_words, "-o", str(PAGES / "ten-words.html"), LSTMCTL_HOME=home)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 1200, "height": 1500}, color_scheme=scheme)
            page.goto((PAGES / "films.html").as_uri() + "#text=" + quote(SENTENCE))
            page.locator("body[data-effects=done]").wait_for()
            page.screenshot(path=HERE / f"page-{scheme}.png", clip={"x": 0, "y": 40, "width": 1200, "height": 1260})
            page.goto((PAGES / "ten-words.html").as_uri() + "#text=" + quote(PAIR[1]))
            page.reload()  # another part of the same page is no new page
            page.locator("body[data-effects=done]").wait_for()
            cell = page.locator("#cell")
            cell.scroll_into_view_if_needed()
            page.wait_for_timeout(1_000)  # panels are drawn when they are seen
            box = cell.bounding_box()
            clip = {"x": 0, "y": box["y"] + page.evaluate("scrollY") + 30, "width": 1200, "height": box["height"] - 60}
            page.screenshot(path=HERE / f"page-cell-{scheme}.png", full_page=True, clip=clip)
        browser.close()


def train_chinese(folder: Path) -> str:
    """A registry with a small model of Chinese sentences; its folder."""
    home, path = str(folder / "home"), folder / "films-zh.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for number, pair in enumerate(itertools.permutations(CHINESE, 2)):
            good = [sentence for sentence in pair if CHINESE.index(sentence) % 2 == 0]
            label = "pos" if len(good) == 2 or (len(good) == 1 and good[0] == pair[1]) else "neg"
            rows.writerows((f"{pair[0]}，{pair[1]} {emoji}", label) for emoji in EMOJI[label][: 2 + number % 2])
    run("train", "-q", "--data", str(path), "--name", "films-zh", "--epochs", "30", LSTMCTL_HOME=home)
    return home


def train_negation(folder: Path) -> str:
    """A registry with the model that the first command of docs/explain/lstm.md trains; its folder."""
    page = (HERE.parent / "explain" / "lstm.md").read_text(encoding="utf-8")
    script = page.split("```sh\n")[1].split("```")[0].replace("lstmctl ", f"{sys.executable} -m lstmctl ")
    home = str(folder / "home")
    subprocess.run(["bash", "-ec", script], check=True, cwd=folder, env={**os.environ, "LSTMCTL_HOME": home})
    return home


def output(screen: Screen, environment: dict[str, str]) -> str:
    """What the command writes to a terminal of the screen's width."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, screen.columns, 0, 0))
    base = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "COLORTERM")}
    environment = {**base, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **environment}
    if screen.plain:
        environment |= {"NO_COLOR": "1", "PYTHONIOENCODING": "ascii:backslashreplace"}
    child = subprocess.Popen(
        [sys.executable, "-m", "lstmctl", *screen.command],
        stdin=subprocess.DEVNULL, stdout=follower, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    os.close(follower)
    written = b""
    while chunk := read(leader):
        written += chunk
    os.close(leader)
    _, messages = child.communicate()
    if child.returncode:
        raise SystemExit(messages.decode())
    return written.decode().replace("\r\n", "\n")


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux: the other side is closed
        return b""


def runs(line: str) -> Iterator[Run]:
    """The runs of a line with escape sequences."""
    column, classes, color, background = 0, frozenset[str](), None, None
    for escape_sequence, text in regex.findall(r"(\x1b\[[\d;]*[A-Za-z])|([^\x1b]+)", line):
        if text:
            yield Run(column, text, classes, color, background)
            column += cell_len(text)
        elif escape_sequence.endswith("G"):
            column = int(escape_sequence[2:-1]) - 1
        elif escape_sequence.endswith("m"):
            codes = [int(code) for code in escape_sequence[2:-1].split(";") if code]
            if not codes or 0 in codes[:1]:
                classes, color, background = frozenset(), None, None
            while codes:
                code = codes.pop(0)
                if code in (38, 48):
                    (_, number), codes = codes[:2], codes[2:]
                    color, background = (number, background) if code == 38 else (color, number)
                elif code in (1, 2):
                    classes |= {{1: "bold", 2: "dim"}[code]}


def draw(screen: Screen, written: str) -> str:
    """The screen as SVG, readable on white and on black."""
    command = f"$ lstmctl {shlex.join(screen.shown or screen.command)}"
    lines = [*wrapped(command, screen.columns), *written.rstrip("\n").split("\n")]
    width, height = screen.columns * CELL + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}">',
        f"<title>{escape(command)}</title><style>{STYLE}</style>",
        f'<rect class="page" x=".5" y=".5" width="{width - 1:.1f}" height="{height - 1}" rx="6"/>',
    ]
    for number, line in enumerate(lines):
        for part in runs(line):
            drawn += shapes(part, MARGIN + number * LINE)
    return "\n".join([*drawn, "</svg>", ""])


def shapes(part: Run, top: float) -> Iterator[str]:
    """Background and text; separate words and characters of two cells are positioned one by one."""
    if part.background is not None:
        x, width = MARGIN + part.column * CELL, cell_len(part.text) * CELL
        yield f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{LINE}" fill="{rgb(part.background)}"/>'
    column = part.column
    for piece in pieces(part.text):
        cells = cell_len(piece)
        if piece.strip():
            lead = len(piece) - len(piece.lstrip(" "))
            text = piece.strip(" ")
            attributes = f' class="{" ".join(sorted(part.classes))}"' if part.classes else ""
            attributes += f' style="fill:{rgb(part.color)}"' if part.color is not None else ""
            x, length = MARGIN + (column + lead) * CELL, cell_len(text) * CELL
            yield f'<text x="{x:.1f}" y="{top + 14}" textLength="{length:.1f}"{attributes}>{escape(text)}</text>'
        column += cells


def pieces(text: str) -> Iterator[str]:
    """Text cut before and after wide characters and at wide spaces."""
    piece = ""
    for character in regex.findall(r" {2,}|\X", text):
        if cell_len(character) == 1:
            piece += character
            continue
        yield from [piece] if piece else []
        yield character
        piece = ""
    yield from [piece] if piece else []


def wrapped(text: str, width: int) -> list[str]:
    """Text wrapped at any character, as in a terminal."""
    lines = [""]
    for character in regex.findall(r"\X", text):
        if cell_len(lines[-1] + character) > width:
            lines.append("")
        lines[-1] += character
    return lines


if __name__ == "__main__":
    main()
