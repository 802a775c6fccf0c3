"""Speed of the tokenizers: megabytes and texts per second of processor time, best of five.

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
    print("| texts | MB | tokenizer | MB/s | texts/s |\n|---|---|---|---|---|")
    for name, texts in samples.items():
        size = sum(len(text.encode()) for text in texts) / 1e6
        for tokenizer in ("words-1", "words-2"):
            best = min(_seconds(texts, tokenizer) for _ in range(5))
            count = f"{len(texts):,} {name}"
            print(f"| {count} | {size:.1f} | `{tokenizer}` | {size / best:.1f} | {len(texts) / best:,.0f} |")


def _seconds(texts: list[str], tokenizer: str) -> float:
    started = time.process_time()
    for text in texts:
        tokenize(text, tokenizer)
    return time.process_time() - started


if __name__ == "__main__":
    main()
