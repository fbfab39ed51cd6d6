"""One contract file in; validated data, a trained and self-describing bundle, and predictions out.

Importing this package costs pydantic and nothing heavier.
"""

from model.contract import Category, Contract, Integer, Key, Label, Number, Source, Split, Target, Timestamp
from model.errors import ModelError
from model.monitoring import Monitoring, Threshold
from model.retraining import Retraining, Slice

__all__ = [
    "Category",
    "Contract",
    "Integer",
    "Key",
    "Label",
    "ModelError",
    "Monitoring",
    "Number",
    "Retraining",
    "Slice",
    "Source",
    "Split",
    "Target",
    "Threshold",
    "Timestamp",
]
