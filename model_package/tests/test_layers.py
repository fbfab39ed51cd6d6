"""The layers hold: what a module may import is checked, statically and by what a process has loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "pyproject.toml"


@pytest.mark.skipif(not PROJECT.exists(), reason="runs in the repository, not against an installed wheel")
def test_every_import_contract_is_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    # The folder app/ holds the package app: without the path, the linter would take the folder for the package.
    found = os.environ | {"PYTHONPATH": str(ROOT / "app")}
    done = subprocess.run([linter], cwd=ROOT, env=found, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("model.derived.request", ("numpy", "pandas")),
        ("model.derived.encoding", ("pandas", "pandera", "sklearn", "onnx")),
        ("model.bundle", ("pandas", "pandera", "sklearn", "scipy", "onnx", "sqlalchemy", "pyarrow")),
        ("model.registry", ("pandas", "pandera", "sklearn", "scipy", "onnx", "sqlalchemy", "pyarrow")),
        ("model.__main__", ("pandas", "pandera", "sklearn", "onnxruntime", "sqlalchemy", "pyarrow")),
        ("model.spool", ("numpy", "sqlalchemy", "onnxruntime")),
        ("model.spool.shipper", ("pandas", "onnxruntime", "numpy")),
        ("model.steps.shadow", ("pandas", "sklearn", "matplotlib", "sqlalchemy")),
        ("model.tasks.shadow", ("pandas", "sklearn", "matplotlib", "pandera")),
        ("model.steps.replay", ("pandas", "sklearn", "matplotlib", "sqlalchemy")),
        ("model.boards", ("pandas", "pandera", "sklearn", "scipy", "onnx", "pyarrow", "matplotlib", "joblib")),
        ("model.store", ("pandas", "pandera", "sklearn", "pyarrow")),
    ],
)
def test_a_module_loads_nothing_heavier_than_its_layer(module: str, forbidden: tuple[str, ...]) -> None:
    check = f"import sys, {module}; print([name for name in {forbidden!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_that_the_package_exports_is_there_and_documented() -> None:
    import model

    for name in model.__all__:
        assert getattr(model, name).__doc__
