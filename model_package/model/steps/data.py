"""From raw text to rows to learn from: validate, collect, split. Values in, values out."""

from model.steps.collection import Collected, collect
from model.steps.report import Finding, ValidationReport
from model.steps.splitting import split
from model.steps.validation import validate

__all__ = ["Collected", "Finding", "ValidationReport", "collect", "split", "validate"]
