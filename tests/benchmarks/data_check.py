"""`data check` on 100,000 texts with planted faults: `python tests/benchmarks/data_check.py`. Time, memory, finds."""

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
    leaks = {each["row"] for each in found["leaks"] if each["part"] == "test"}
    print(f"{rows:,} training and {rows // 10:,} test texts: {seconds:.1f} s, {memory:.0f} MB")
    print(
        f"empty {len(planted.empty):,}, all found and no other: {planted.empty == {e['row'] for e in found['empty']}}"
    )
    print(f"leaks {len(planted.leaks):,}, all found and no other: {planted.leaks == leaks}")
    copies = {each["row"] for name in ("copies", "twins", "leaks") for each in found[name] if each["part"] != "test"}
    print(f"copies and twins {len(planted.copies) + len(planted.twins):,}, found {len(copies):,}")


if __name__ == "__main__":
    main()
