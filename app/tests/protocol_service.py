"""Services that speak every protocol, for the tests of the protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import anyio
from fastapi import FastAPI

from app.protocols.door import PredictorDoor
from app.protocols.tables import add_protocols
from app.testing import Service, serve

MOST_BYTES = 1_048_576


def speak(app: FastAPI, most_bytes: int = MOST_BYTES) -> None:
    """Add the protocols to an application that has none yet."""
    add_protocols(app, PredictorDoor(app.state.predictor, most_bytes, anyio.CapacityLimiter(4)))


@contextmanager
def speaking(bundles: Callable[[str], Path]) -> Iterator[Callable[[str], Service]]:
    """Contract name -> a service that speaks every protocol; each is started once."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(serve(bundles(name), name, speak)))
