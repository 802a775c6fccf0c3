"""What a server says on stderr: one JSON object a line. Texts of requests are never among it."""

import json
import logging
import os
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any


def write_line(event: str, **fields: Any) -> None:
    """Write one line, at once, so that lines of several processes do not mix."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"time": now, "event": event, "pid": os.getpid(), **fields}, ensure_ascii=True)
    with suppress(OSError):  # nobody reads it any more
        os.write(2, (line + "\n").encode())


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        fields = {"level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info and record.exc_info[1] is not None:
            fields["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        write_line("log", **fields)


def log_as_json() -> None:
    """Write warnings of the libraries as lines too; of uvicorn only errors, as it warns of what clients do wrong."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    root = logging.getLogger()
    if not any(isinstance(handler, _Lines) for handler in root.handlers):
        root.addHandler(_Lines(logging.WARNING))
