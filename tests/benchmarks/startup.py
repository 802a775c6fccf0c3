"""Processor time of short commands, compared with bare imports: interleaved runs, medians. On an idle machine it is
also the time that passes; on a busy one it is what can be compared.

    python tests/benchmarks/startup.py [--runs 20]

Needs a registered model (`lstmctl train`). Prints a Markdown table. Compare the ratios: the speed and the noise of the
machine affect both sides.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys

COMMANDS = {
    "import typer": [sys.executable, "-c", "import typer"],
    "import numpy, typer": [sys.executable, "-c", "import numpy, typer"],
    "lstmctl --help": [sys.executable, "-m", "lstmctl", "--help"],
    "lstmctl train --help": [sys.executable, "-m", "lstmctl", "train", "--help"],
    "lstmctl predict TEXT": [sys.executable, "-m", "lstmctl", "predict", "great movie"],
    "lstmctl predict TEXT (Chinese)": [sys.executable, "-m", "lstmctl", "predict", "很好看"],
    "lstmctl summary": [sys.executable, "-m", "lstmctl", "summary"],
    "lstmctl models list": [sys.executable, "-m", "lstmctl", "models", "list"],
    "lstmctl plot": [sys.executable, "-m", "lstmctl", "plot"],
}
PEERS = {
    "lstmctl --help": ("import typer", 3.0),
    "lstmctl train --help": ("import typer", None),
    "lstmctl predict TEXT": ("import numpy, typer", 2.0),
    "lstmctl predict TEXT (Chinese)": ("import numpy, typer", None),
    "lstmctl summary": ("import typer", None),
    "lstmctl models list": ("import typer", None),
    "lstmctl plot": ("import numpy, typer", None),
}


def used() -> float:
    """Processor seconds of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    # As on a user's machine, compiled modules are cached.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(runs + 1):
        for name, command in COMMANDS.items():
            started = used()
            subprocess.run(command, env=environment, check=True, capture_output=True)
            if run:  # the first round warms the caches
                seconds[name].append(used() - started)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"Medians of {runs} runs, interleaved.\n")
    print("| command | processor seconds | ratio | limit |\n|---|---|---|---|")
    for name, median in medians.items():
        peer, limit = PEERS.get(name, (None, None))
        ratio = f"{median / medians[peer]:.2f} × `{peer}`" if peer else ""
        print(f"| `{name}` | {median:.3f} | {ratio} | {f'{limit:g} ×' if limit else ''} |")


if __name__ == "__main__":
    main()
