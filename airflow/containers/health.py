"""A container's health check, by HTTP and in 0.1 s of CPU: `health.py URL [COMPONENT]`.

With one argument: does the URL answer with status 200? With two: does Airflow's report of all components, read
from the URL, call this one healthy? A command of Airflow itself would cost some 4 s of CPU per check.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 5


def trouble(url: str, component: str | None) -> str | None:
    """What is wrong, in one line, or nothing."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - the compose file's own URL
            body = answer.read()
    except (OSError, urllib.error.URLError) as error:
        return f"{url}: {error}"
    if component is None:
        return None
    status = json.loads(body).get(component, {}).get("status")
    return None if status == "healthy" else f"{component} is {status or 'not reported'}"


if __name__ == "__main__":
    sys.exit(trouble(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))  # noqa: PLR2004
