"""The spool: predictions on this machine's disk, committed before they are answered, until they are in the store.

A service process appends to segments of its own (`SpoolWriter`); another process reads every segment of the folder
and ships it (`model.tasks.ship`). Costs sqlite3 of the standard library and nothing heavier.
"""

from model.spool.segment import Backlog, backlog
from model.spool.writer import SpoolWriter

__all__ = ["Backlog", "SpoolWriter", "backlog"]
