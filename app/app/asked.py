"""One request's rows on their way to an answer, and the answer.

Whoever receives requests makes these, each in its own way (`app.wire` from a socket, `app.door` for the routes); the
batcher fills in the answer, the recorder keeps it, and then `settle` is called, once, on the event loop.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, ClassVar, Final

from app.protocols.door import Answered

if TYPE_CHECKING:
    from app.serving import Serving
    from model.derived.decoder import Row
    from model.derived.encoding import Floats

ID_BYTES: Final = 16


class Asked:
    """A request that has passed the contract.

    serving: the model that answers, from decoding to labels, whatever is promoted meanwhile.
    row: the features of its only row, to be scored together with others; not set when there are several.
    body: as it was sent, in the canonical form; request_id: the caller's, b"" for none.
    seconds: about what it will take. began: `time.perf_counter()` when the request was complete.
    id: of the prediction; said, figures: labels and scores as JSON, a comma between two.
    several: whether the answer is a list.
    labels, scores, output: the answer as numbers, [n, classes] or [n] of them; not set unless `whole`.
    error: why there is no answer, else None.
    """

    __slots__ = (
        *("began", "body", "error", "figures", "id", "labels", "output", "request_id", "row"),
        *("said", "scores", "seconds", "serving", "several"),
    )

    whole: ClassVar[bool] = False

    serving: Serving
    row: Row
    body: bytes
    request_id: bytes
    began: float
    seconds: float
    id: bytes
    labels: list[int | str | float]
    scores: list[float]
    said: bytes
    figures: bytes
    several: bool
    output: Floats
    error: Exception | None

    def prepare(self) -> None:
        """Make ready to be settled: called, if at all, while somebody waits for the disk. It must not raise."""

    def settle(self) -> None:
        """Send the answer, or the error. It must not raise."""
        raise NotImplementedError


class Awaited(Asked):
    """A request that somebody awaits."""

    __slots__ = ("_settled",)

    whole = True

    def __init__(self, serving: Serving, body: bytes, request_id: bytes, began: float) -> None:
        """Within a running event loop."""
        self.serving = serving
        self.error = None
        self.several = False
        self.body = body
        self.request_id = request_id
        self.began = began
        self.seconds = serving.seconds(len(body))
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self) -> None:
        """Wake up who awaits it, unless they have gone."""
        if self._settled.done():
            return
        if self.error is None:
            self._settled.set_result(None)
        else:
            self._settled.set_exception(self.error)

    async def answer(self) -> Answered:
        """The answer, once it may be sent. Raises what the batcher or the recorder say."""
        await self._settled
        contract = self.serving.contract
        return Answered(
            contract=contract,
            version=self.serving.version,
            prediction_id=self.id.decode(),
            labels=self.labels,
            scores=self.scores,
            probabilities=self.output.tolist() if contract.target.labels else None,
        )


def new_ids(count: int) -> list[bytes]:
    """Ids that nobody can guess, drawn together: a draw costs more than what it draws."""
    drawn = os.urandom(ID_BYTES * count).hex().encode()
    return [drawn[at : at + 2 * ID_BYTES] for at in range(0, len(drawn), 2 * ID_BYTES)]
