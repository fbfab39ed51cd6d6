"""Programs that a test starts: those beside Python that it needs for real, and what Python ones are told."""

from __future__ import annotations

import os
import shutil


def needed_program(name: str, *places: str) -> str:
    """The path of a program; without it the test skips, or fails where every program must be (REQUIRE_SERVICES=1)."""
    import pytest  # noqa: PLC0415 - only a test asks

    found = shutil.which(name) or next((shutil.which(name, path=place) for place in places), None)
    if found is None and os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"{name} is not installed, and REQUIRE_SERVICES=1")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def unmeasured() -> dict[str, str]:
    """This process's environment without what makes each Python program below it measure its coverage."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
