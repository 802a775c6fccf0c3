"""Entry point: `lstmctl` and `python -m lstmctl`. Imports nothing heavy before the error boundary stands."""

import sys


def main() -> int:
    """Run the command line and return the exit code."""
    try:
        from lstmctl.cli.main import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # while the imports above were still running
        return 130


if __name__ == "__main__":
    sys.exit(main())
