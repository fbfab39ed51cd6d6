"""The shipped problems, and how a user's own one is found.

A problem is one Python file (or module in this folder) that defines

- `contract`: the `Contract`;
- `estimator()`: optional, an unfitted scikit-learn estimator for the features;
- `write_example(directory, *, seed)`: optional, writes example data into `directory/raw` and `directory/batch`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from model.contract import Contract, explain
from model.errors import ContractError, bounded

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


class WriteExample(Protocol):
    """Writes a problem's example data; returns the files."""

    def __call__(self, directory: Path, *, seed: int = 0) -> list[Path]:
        """Write into `directory/raw` and `directory/batch`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A contract with the code that may come with it: the estimator's and the example's."""

    contract: Contract
    estimator: Callable[[], Any] | None
    write_example: WriteExample | None


def shipped() -> list[str]:
    """The names of the problems in this folder."""
    modules = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(name for name in modules if not name.endswith("_example"))


def find(name: str) -> Problem:
    """The problem called `name`: a module of this folder, or the path of a `.py` file.

    Raises:
        ContractError: there is none, it does not import, or its contract is not valid.
    """
    module = _load_file(Path(name)) if name.endswith(".py") else _load_shipped(name)
    contract = getattr(module, "contract", None)
    if not isinstance(contract, Contract):
        msg = f"{name}: defines no `contract = Contract(...)`"
        raise ContractError(msg)
    return Problem(contract, getattr(module, "estimator", None), getattr(module, "write_example", None))


def _load_shipped(name: str) -> ModuleType:
    if name not in shipped():
        msg = f"no contract {bounded(name)!r}: shipped are {', '.join(shipped())}; or give the path of a .py file"
        raise ContractError(msg)
    return importlib.import_module(f"{__name__}.{name}")


def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"user_contract_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        msg = f"no contract file {path}: give the path of a .py file that defines `contract`"
        raise ContractError(msg)
    module = importlib.util.module_from_spec(spec)
    # Estimators defined in the file must be importable by name, or joblib could not store them.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except ValidationError as error:
        raise ContractError(explain(error, f"{path} is not a valid contract")) from None
    except Exception as error:
        msg = f"{path} does not import: {type(error).__name__}: {bounded(error)}"
        raise ContractError(msg) from error
    return module
