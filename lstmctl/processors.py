"""How much of this machine the process may use."""

import os


def cores() -> int:
    """Processor cores."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
