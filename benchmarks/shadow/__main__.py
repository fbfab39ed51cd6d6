"""`python benchmarks/shadow`; see `command`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The checkout, and beside it what starts services and asks them.
sys.path[:1] = [str(ROOT), str(ROOT / "benchmarks")]

from benchmarks.shadow.command import main  # noqa: E402 - the checkout is on the path from here on

if __name__ == "__main__":
    sys.exit(main())
