"""The spool: predictions and truth on this machine's disk, committed before they are answered, until they are stored.

A service process appends to segments of its own (`SpoolWriter`); another process reads every segment of the folder
and ships it (`model.tasks.ship`). Costs sqlite3 of the standard library and nothing heavier.
"""

from model.spool.segment import PREDICTIONS, TRUTHS, Backlog, backlog
from model.spool.writer import SpoolWriter

__all__ = ["PREDICTIONS", "TRUTHS", "Backlog", "SpoolWriter", "backlog"]
