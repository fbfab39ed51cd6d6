"""The dashboard's routes: pages, the sign-in, the trial, and what an admin may do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from app.admin import Asking, Promotion, Reason
from app.dashboard import pages, summary, trial
from app.dashboard.entrance import Entrance, SignInFirst, is_from_here, read_form
from app.dashboard.reading import SPANS, USUAL, Shelf
from app.dashboard.session import COOKIE, SECONDS_VALID
from app.errors import Overloaded, answer_for, refused
from app.explainer import Explainer
from app.protocols.door import translate
from app.protocols.get_prediction import canonical
from model.errors import BundleNotFound, ModelError, RowsRefused, bounded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.admin import Admin
    from app.dashboard.reading import BoardReader
    from app.dashboard.session import Session
    from app.door import Door
    from app.metrics import Metrics
    from app.settings import ServiceSettings
    from model.board import Board

CLIENT_ERRORS: Final = range(400, 500)
_OFF: Final = "The dashboard is off."
_HOW: Final = "Set SERVICE_DASHBOARD_TOKEN (or SERVICE_DASHBOARD_TOKEN_FILE), or say SERVICE_DASHBOARD=open."


class Dashboard:
    """The pages, and what they need."""

    def __init__(
        self, read: BoardReader, door: Door, admin: Admin, metrics: Metrics, settings: ServiceSettings
    ) -> None:
        """Nothing is read yet."""
        self._read = read
        self._door = door
        self._admin = admin
        self._metrics = metrics
        self._entrance = Entrance(settings)
        self._explainer = Explainer(door.lane)
        self._boards, self._pages = Shelf(), Shelf()
        self._one = anyio.CapacityLimiter(1)
        self._headers = headers(settings.dashboard_frames)

    def table(self) -> APIRouter:
        """Every route. Where the dashboard is off, each answers a page that says how to have it."""
        table = APIRouter(prefix="/dashboard", include_in_schema=False)
        gets: dict[str, Any] = {
            "": self.overview,
            "/predictions/{prediction_id}": self.prediction,
            "/versions/{version}": self.version,
            "/try": self.try_form,
            "/sign-in": self.sign_in_form,
        }
        posts: dict[str, Any] = {
            "/try": self.try_it,
            "/sign-in": self.sign_in,
            "/sign-out": self.sign_out,
            "/promote": partial(self._act, "promote"),
            "/rollback": partial(self._act, "rollback"),
            "/retrain": partial(self._act, "retrain"),
        }
        for method, routes in (("GET", gets), ("POST", posts)):
            for path, page in routes.items():
                table.add_api_route(path, self._answered(page), methods=[method], response_class=HTMLResponse)
        return table

    def _answered(self, page: Callable[[Request], Awaitable[Response]]) -> Any:  # noqa: ANN401 - a route
        async def answer(request: Request) -> Response:
            try:
                response = (
                    await page(request)
                    if self._entrance.mode != "off"
                    else await self._message(request, 403, _OFF, _HOW)
                )
            except SignInFirst:
                response = await self._sign_in(request, "")
            except BundleNotFound as error:
                response = await self._message(request, 503, "No model yet.", answer_for(error).message)
            except ModelError as error:
                response = await self._message(
                    request, 503, "This cannot be shown at the moment.", answer_for(error).message
                )
            except Overloaded:
                response = await self._message(request, 503, "Too much is under way.", "Try again in a moment.")
            except HTTPException as error:
                response = await self._message(
                    request, error.status_code, *_REFUSALS.get(error.status_code, _REFUSALS[400])
                )
            response.headers.update(self._headers)
            return response

        return answer

    async def _html(self, name: str, status: int = 200, **words: Any) -> HTMLResponse:  # noqa: ANN401 - of the template
        """A small page, made in a thread: predictions do not wait for it."""
        return HTMLResponse(
            await anyio.to_thread.run_sync(partial(pages.render, name, **words), limiter=self._one), status
        )

    # ------------------------------------------------------------------------------------- reading

    async def overview(self, request: Request) -> Response:
        """The dashboard."""
        session = self._entrance.reader(request)
        span = request.query_params.get("span", USUAL)
        if span not in SPANS:
            raise refused(404)
        board = await self._board(span)

        def make() -> bytes:
            return pages.overview(board, span, self._refusals(), **self._words(session))

        return HTMLResponse(await self._pages.get((span, session.form if session else ""), make))

    async def prediction(self, request: Request) -> Response:
        """One of the recent predictions."""
        session, board = self._entrance.reader(request), await self._board(USUAL)
        wanted = request.path_params["prediction_id"]
        found = next((one for one in board.recent if one.prediction_id == wanted), None)
        if found is None:
            raise refused(404)
        words: dict[str, Any] = {"row": summary.row_of(board, found), "contract": board.contract, "root": "../../"}
        return await self._html("prediction", **words, **self._words(session))

    async def version(self, request: Request) -> Response:
        """A version's figures and its model card."""
        session, board = self._entrance.reader(request), await self._board(USUAL)
        wanted = request.path_params["version"]
        found = next((one for one in board.versions if one.version == wanted), None)
        if found is None:
            raise refused(404)
        row = next(one for one in summary.versions(board) if one.version == wanted)
        words: dict[str, Any] = {"row": row, "card": found.card, "contract": board.contract, "root": "../../"}
        return await self._html("version", **words, **self._words(session))

    async def _board(self, span: str) -> Board:
        board: Board = await self._boards.get((span,), partial(self._read, SPANS[span]))
        return board

    def _refusals(self) -> summary.Refused:
        """Of predictions, of all workers. Blocking."""
        counts: dict[int, int] = {}
        for said in self._metrics.collected()[0]:
            for route, status, count in said["requests"]:
                if route == "/get_prediction":
                    counts[status] = counts.get(status, 0) + count
        wrong = tuple(sorted((status, count) for status, count in counts.items() if status >= CLIENT_ERRORS.start))
        return summary.Refused(sum(count for _, count in wrong), sum(counts.values()), wrong)

    def _words(self, session: Session | None) -> dict[str, Any]:
        return {"session": session, "can_sign_in": bool(self._entrance.sessions.roles)}

    # ------------------------------------------------------------------------------------ the trial

    async def try_form(self, request: Request) -> Response:
        """A form with the contract's own example."""
        session, contract = self._entrance.reader(request), self._door.serving().contract
        return await self._trial(session, fields=trial.fields(contract))

    async def try_it(self, request: Request) -> Response:
        """Ask the model what the form says: a prediction as any other, and kept as such."""
        session, said = self._entrance.reader(request), await read_form(request)
        serving = self._door.serving()
        columns = trial.request_of(serving.contract, said)
        try:
            body = await translate(self._door, len(said), lambda: canonical(columns))
            answered = await self._door.answer(serving, body)
        except RowsRefused as error:
            wrong = trial.wrong_of(serving.contract, error.failures)
            return await self._trial(
                session,
                422,
                fields=trial.fields(serving.contract, said, wrong),
                refused=wrong.get("", "see the fields"),
            )
        request.state.model_version, request.state.prediction_id = serving.version, answered.prediction_id
        told = (await self._explainer.explain(serving, body))[0]
        return await self._trial(
            session, fields=trial.fields(serving.contract, said), answer=trial.answer_of(answered, told)
        )

    async def _trial(self, session: Session | None, status: int = 200, **words: Any) -> Response:  # noqa: ANN401
        contract = self._door.serving().contract
        known = {"answer": None, "refused": "", "contract": contract, "here": "try"}
        return await self._html("try", status, **(known | words), **self._words(session))

    # ------------------------------------------------------------------------------------ the entrance

    async def sign_in_form(self, request: Request) -> Response:
        """Where a token is shown."""
        return await self._sign_in(request, "", 200)

    async def sign_in(self, request: Request) -> Response:
        """A cookie for who shows a token that opens something."""
        form = await read_form(request)
        role = self._entrance.sessions.role_of(form.get("token", ""))
        if role is None:
            return await self._sign_in(request, "That token opens nothing here.")
        response = RedirectResponse("../dashboard", 303)
        secure = request.url.scheme == "https"
        cookie = self._entrance.sessions.cookie(role)
        path = f"{request.scope.get('root_path', '')}/dashboard"
        response.set_cookie(COOKIE, cookie, SECONDS_VALID, path=path, secure=secure, httponly=True, samesite="strict")
        return response

    async def sign_out(self, request: Request) -> Response:
        """Take the cookie away."""
        if not is_from_here(request):
            raise refused(403)
        response = RedirectResponse("../dashboard", 303)
        response.delete_cookie(
            COOKIE, path=f"{request.scope.get('root_path', '')}/dashboard", httponly=True, samesite="strict"
        )
        return response

    async def _sign_in(self, request: Request, wrong: str, status: int = 401) -> Response:
        reader = self._entrance.mode == "token"
        words = {"wrong": wrong, "reader": reader, "admin": self._entrance.has_admin, "root": _root(request)}
        return await self._html("sign_in", status, **words)

    async def _message(self, request: Request, status: int, title: str, words: str) -> Response:
        return await self._html("message", status, title=title, words=words, root=_root(request))

    # ------------------------------------------------------------------------------------ acting

    async def _act(self, what: str, request: Request) -> Response:
        """Promote, roll back or ask for a training, as `app.admin` does; then the dashboard again."""
        form = await read_form(request)
        self._entrance.admin(request, form)
        why = form.get("why", "")
        try:
            match what:
                case "promote":
                    await self._admin.promote(Promotion(version=form.get("version", ""), why=why))
                case "rollback":
                    await self._admin.rollback(Reason(why=why))
                case _:
                    await self._admin.retrain(Asking(why=why, urgent=form.get("urgent") == "yes"))
        except ValidationError:
            raise refused(422) from None
        except (ModelError, OSError) as error:
            # An operator may read what it is: the pages of readers never show it.
            return await self._message(request, 503, f"{what} was not done.", bounded(error, 400))
        self._boards.forget()
        self._pages.forget()
        return RedirectResponse("../dashboard", 303)


_REFUSALS: Final = {
    400: ("The form cannot be read.", "Go back, and send it again."),
    403: ("This form was not sent from its own page.", "Open the dashboard anew, and send it from there."),
    404: ("There is nothing here.", "It may have gone from the latest predictions and versions."),
    413: ("The form is too large.", "Shorten what it says."),
    415: ("The form cannot be read.", "Send it from its own page."),
    422: ("The form is not complete.", "Choose a version, and keep the reason below 500 characters."),
}


def headers(frames: str) -> dict[str, str]:
    """Nothing inline and no script at all; forms go to this service only; framed by the Airflow that was named."""
    framers = " ".join(("'self'", *frames.split()))
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {framers}"
    )
    # same-origin: with no-referrer a browser would send the Origin of our own forms as "null".
    return {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin", "Cache-Control": "no-store"}


def _root(request: Request) -> str:
    """From the page that was asked for to the service's root."""
    return "../" * (request.url.path.removeprefix(request.scope.get("root_path", "")).count("/") - 1)
