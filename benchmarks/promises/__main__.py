"""`python benchmarks/promises [--only NAME,...] [--short] [--list]`: see `promises.command`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from promises.command import main  # noqa: E402 - the folder above must be found first

if __name__ == "__main__":
    sys.exit(main())
