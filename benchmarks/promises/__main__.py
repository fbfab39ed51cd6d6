"""`python benchmarks/promises [--only NAME,...] [--short] [--list]`: see `promises.command`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from promises.command import main

if __name__ == "__main__":
    sys.exit(main())
