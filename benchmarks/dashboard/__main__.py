"""`python benchmarks/dashboard`; see `command`."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.dashboard.command import main  # noqa: E402 - the checkout is on the path from here on

if __name__ == "__main__":
    sys.exit(main())
