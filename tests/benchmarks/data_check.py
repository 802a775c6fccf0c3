"""Time, memory and findings of `data check` on 100,000 texts: `python tests/benchmarks/data_check.py`."""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from planted import plant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        planted = plant(Path(folder), rows)
        command = [sys.executable, "-m", "lstmctl", "data", "check", "--json"]
        started = time.perf_counter()
        done = subprocess.run(
            [*command, "--data", str(planted.train), "--test-data", str(planted.test)], capture_output=True, check=True
        )
        seconds = time.perf_counter() - started
    found = json.loads(done.stdout)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    leaks = {pair["row"] for pair in found["leaks"] if pair["part"] == "test"}
    print(f"{rows:,} training and {rows // 10:,} test texts: {seconds:.1f} s, {memory:.0f} MB")
    empty = {row["row"] for row in found["empty"]}
    print(f"empty {len(planted.empty):,}, all found and no other: {planted.empty == empty}")
    print(f"leaks {len(planted.leaks):,}, all found and no other: {planted.leaks == leaks}")
    kinds = ("duplicates", "conflicting_duplicates", "leaks")
    duplicates = {pair["row"] for kind in kinds for pair in found[kind] if pair["part"] != "test"}
    print(f"duplicates {len(planted.duplicates) + len(planted.conflicting):,}, found {len(duplicates):,}")


if __name__ == "__main__":
    main()
