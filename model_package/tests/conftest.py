"""Contracts that every test which takes "a contract" takes: the shipped ones, and one that is odd in every way."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from odd_contract import ODD

from model import Contract
from model.contracts import find, shipped
from model.settings import Settings
from model.testing.programs import needed_program
from model.testing.settings import settings_in
from model.testing.unmeasured import of_all


@pytest.fixture(params=of_all([*shipped(), "odd"], measured=["diabetes", "odd"]))
def contract(request: pytest.FixtureRequest) -> Contract:
    """Each shipped contract, and the odd one."""
    return ODD if request.param == "odd" else find(request.param).contract


@pytest.fixture(params=of_all(shipped(), measured=["diabetes", "wine"]))
def shipped_name(request: pytest.FixtureRequest) -> str:
    """Each shipped contract's name."""
    return str(request.param)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of the example problem in a folder of their own, with quick figures."""
    return settings_in(tmp_path)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of our own, reached through a socket in its folder."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else needed_program("initdb")
    # PostgreSQL refuses to run as root: there its own user, which its package makes, runs it.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has at most 107 bytes
    if user:
        shutil.chown(folder, user)
    try:
        yield from _running_postgres(Path(initdb), folder, user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _running_postgres(initdb: Path, folder: Path, user: str | None) -> Iterator[str]:
    def run(*words: str) -> None:
        subprocess.run(words, user=user, cwd=folder, check=True, capture_output=True)

    data, control = str(folder / "data"), str(initdb.with_name("pg_ctl"))
    run(str(initdb), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync")
    run(control, "-D", data, "-w", "-l", str(folder / "log"), "-o", f"-k {folder} -c listen_addresses=''", "start")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    finally:
        run(control, "-D", data, "-m", "immediate", "stop")
