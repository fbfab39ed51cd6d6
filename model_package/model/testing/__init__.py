"""Aids for testing any contract: good rows and files, and every way we know of to spoil them."""

from model.testing.bad_files import Spoiled, bad_files
from model.testing.good_rows import good_rows, write_rows, write_sources
from model.testing.odd_contracts import odd_contracts
from model.testing.sheets import Sheet, file_of, sheets

__all__ = [
    "Sheet",
    "Spoiled",
    "bad_files",
    "file_of",
    "good_rows",
    "odd_contracts",
    "sheets",
    "write_rows",
    "write_sources",
]
