"""Speed of the tokenizer: megabytes and texts per second in one process, best of five.

python tests/benchmarks/tokenizing.py
"""

import time
from pathlib import Path

from lstmctl.config import DataConfig
from lstmctl.data.datasets import load
from lstmctl.model.text import tokenize

HINDI = "यह बहुत अच्छी फ़िल्म है, मुझे पसंद आई। "
CHINESE = "这部电影很好看，我很喜欢。"


def main() -> None:
    data = load(DataConfig(source="imdb"), home=Path("/nonexistent"))
    samples = {
        "IMDB reviews": [example.text for example in data.train],
        "Hindi": [HINDI * 30] * 2_000,
        "Chinese": [CHINESE * 30] * 2_000,
    }
    print("| texts | MB | MB/s | texts/s |\n|---|---|---|---|")
    for name, texts in samples.items():
        size = sum(len(text.encode()) for text in texts) / 1e6
        best = min(_seconds(texts) for _ in range(5))
        print(f"| {len(texts):,} {name} | {size:.1f} | {size / best:.1f} | {len(texts) / best:,.0f} |")


def _seconds(texts: list[str]) -> float:
    started = time.perf_counter()
    for text in texts:
        tokenize(text)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
