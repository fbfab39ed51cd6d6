"""A challenger at work: its bundle, the store, and a page of predictions at a time."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Self

from model.shadows import Shadows
from model.steps.shadow import Model, shadowed
from model.store import Store

if TYPE_CHECKING:
    from types import TracebackType

    from model.challenger import Challenger
    from model.tasks.job import Job
    from model.tasks.walk import Walk


class Shadowing:
    """Answers what a challenger has not answered yet. Use it as a context manager: it holds a model and connections.

    Raises:
        BundleError: the bundle cannot be loaded, or its process does not answer.
        StoreError: the database does not answer.
    """

    def __init__(self, job: Job, challenger: Challenger) -> None:
        """Nothing is loaded yet."""
        self._job = job
        self._version = challenger.version
        self._stack = ExitStack()
        self.answered = self.refused = 0

    def __enter__(self) -> Self:
        """Load the bundle, which is checked and asked its self-test, and open the store."""
        with self._stack as stack:
            served = stack.enter_context(closing(self._job.registry.load(self._version)))
            # The model's own contract: its columns are the ones that are needed.
            url = self._job.settings.database_url.get_secret_value()
            store = stack.enter_context(Store(url, served.contract))
            self._model = Model(served.contract, served.threshold, served.scorer.score)
            self._shadows = Shadows(store, served.contract)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of both."""
        self._stack.close()

    def page(self, walk: Walk) -> bool:
        """Answer one page and move the walk on; returns whether it was the walk's last one."""
        page = self._shadows.page(self._version, walk.place)
        if page.rows is not None:
            answers = shadowed(self._model, page.rows, page.moments)
            self._shadows.add(self._version, answers, self._job.clock())
            refused = sum(answer.refused is not None for answer in answers)
            self.answered, self.refused = self.answered + len(answers) - refused, self.refused + refused
        return walk.went(page.moments, page.end, self._job.clock())
