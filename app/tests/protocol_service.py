"""Services that speak every protocol, for the tests of the protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from app.testing import Service, serve


@contextmanager
def speaking(bundles: Callable[[str], Path]) -> Iterator[Callable[[str], Service]]:
    """Contract name -> a service that speaks every protocol; each is started once."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(serve(bundles(name), name)))
