"""The service's log: one JSON object a line on standard output. Never an input, and so never an exception's own words.

`configure` is called once, by the factory: nothing happens at import.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MOST_FRAMES = 12
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time, level, logger, event, and whatever `extra` holds."""

    def format(self, record: logging.LogRecord) -> str:
        """Quote everything: no value can begin a second line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            line |= describe(record.exc_info[1])
        return json.dumps(line, default=str)


def describe(error: BaseException) -> dict[str, Any]:
    """An error's class and where it was raised, innermost last; not its message, which may quote a client's data."""
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "at": places}


class _StandardOutput(logging.Handler):
    """Writes to whatever standard output is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            sys.stdout.write(f"{self.format(record)}\n")
            sys.stdout.flush()
        except Exception:  # noqa: BLE001 - logging never stops the program it reports on
            self.handleError(record)


def configure(level: str) -> None:
    """Send the service's, the model's and uvicorn's records to standard output as JSON lines."""
    handler = _StandardOutput()
    handler.setFormatter(JsonLines())
    for name in ("app", "model", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level.upper())
    # `app.access` writes the access log, with the request id; uvicorn's would be a second one.
    logging.getLogger("uvicorn.access").handlers = []
    logging.getLogger("uvicorn.access").propagate = False
