"""`python benchmarks/dashboard`; see `command`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The checkout, the service, and beside it what starts and asks it.
sys.path[:1] = [str(ROOT), str(ROOT / "app"), str(ROOT / "benchmarks")]

from benchmarks.dashboard.command import main  # noqa: E402 - the checkout is on the path from here on

if __name__ == "__main__":
    sys.exit(main())
