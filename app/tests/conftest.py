"""Bundles for the service's tests, and services that serve them.

Bundles come from the folder TEST_BUNDLES (`<contract>/{champion,<version>,...}`, two versions of each shipped contract)
where it is set: the environment of the service holds nothing that could train one. Else `model.testing` makes them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app.testing import Service, serve
from model.contract import Contract
from model.contracts import find, shipped
from model.derived.request import example_request
from model.testing.unmeasured import of_all


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Contract name -> a folder of artifacts with two versions of it, one of them the champion. Not to be changed."""

    @cache
    def folder_of(name: str) -> Path:
        prepared = os.environ.get("TEST_BUNDLES")
        if prepared:
            return Path(prepared)
        from model.testing.bundles import quick_bundle

        folder = tmp_path_factory.mktemp(name)
        for seed in (1, 0):
            quick_bundle(find(name).contract, folder, seed=seed)
        return folder

    return folder_of


@pytest.fixture(params=of_all(shipped(), measured=["wine"]))
def contract(request: pytest.FixtureRequest) -> Contract:
    """Each shipped contract."""
    return find(request.param).contract


@pytest.fixture
def artifacts(bundles: Callable[[str], Path], contract: Contract, tmp_path: Path) -> Path:
    """A folder of artifacts to be changed at will: two versions of `contract`, one of them the champion."""
    folder = tmp_path / "artifacts"
    shutil.copytree(bundles(contract.name) / contract.name, folder / contract.name)
    return folder


@pytest.fixture
def example(contract: Contract) -> dict[str, dict[str, list[Any]]]:
    """A request for one row of `contract`."""
    return example_request(contract)


@pytest.fixture(scope="session")
def running(bundles: Callable[[str], Path]) -> Iterator[Callable[[str], Service]]:
    """Contract name -> a service that all tests share."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(serve(bundles(name), name)))


@pytest.fixture
def service(running: Callable[[str], Service], contract: Contract) -> Service:
    """The service with the champion of `contract`: to be asked, not to be changed."""
    return running(contract.name)


@pytest.fixture
def own_service(artifacts: Path, contract: Contract) -> Iterator[Service]:
    """A service of the test's own, whose champion may be changed."""
    with serve(artifacts, contract.name) as started:
        yield started


@pytest.fixture(scope="session")
def empty_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service before anything was trained."""
    with serve(tmp_path_factory.mktemp("empty"), "reggaeton") as started:
        yield started
