"""One contract file in; validated data, a trained and self-describing bundle, and predictions out.

Importing this package costs pydantic and nothing heavier.
"""

from model.contract import Category, Contract, Integer, Key, Label, Number, Source, Split, Target, Timestamp
from model.errors import ModelError

__all__ = [
    "Category",
    "Contract",
    "Integer",
    "Key",
    "Label",
    "ModelError",
    "Number",
    "Source",
    "Split",
    "Target",
    "Timestamp",
]
