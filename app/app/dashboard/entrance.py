"""Who may see and do what: open, by token, or not at all; and whether a form was sent from our own page."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from app.dashboard.session import COOKIE, Session, Sessions
from app.errors import refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

    from app.settings import ServiceSettings

MOST_FORM_BYTES: Final = 65_536
MOST_FIELDS: Final = 2_100  # a contract has at most 2,000 columns
FORM: Final = "application/x-www-form-urlencoded"


class SignInFirst(Exception):
    """What was asked for needs somebody who has signed in, as an admin or as anybody."""


class Entrance:
    """Whoever comes in."""

    def __init__(self, settings: ServiceSettings) -> None:
        """The mode and the tokens."""
        self.mode = settings.dashboard_mode()
        self.sessions = Sessions({"reader": settings.dashboard_secret(), "admin": settings.admin_secret()})
        self.has_admin = "admin" in self.sessions.roles

    def session(self, request: Request) -> Session | None:
        """Who asks, if they have signed in."""
        return self.sessions.read(request.cookies.get(COOKIE))

    def reader(self, request: Request) -> Session | None:
        """Who reads. Raises SignInFirst where reading needs a token and none was shown."""
        session = self.session(request)
        if self.mode == "token" and session is None:
            raise SignInFirst
        return session

    def admin(self, request: Request, form: Mapping[str, str]) -> Session:
        """Who acts. Raises SignInFirst for all but an admin; 403 when the form is not one that we gave this admin."""
        session = self.session(request)
        if session is None or session.role != "admin":
            raise SignInFirst
        if not secrets.compare_digest(form.get("form", "").encode(errors="replace"), session.form.encode()):
            raise refused(403)
        return session


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form that one of our own pages sent; the last of equal names.

    Raises:
        HTTPException: 403 when another site's page sent it, 413 when it is too large, 415 when it is no form.
    """
    if not is_from_here(request):
        raise refused(403)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise refused(415)
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MOST_FORM_BYTES:
            raise refused(413)
    try:
        text = received.decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"))
    except ValueError:
        raise refused(400) from None


def is_from_here(request: Request) -> bool:
    """Whether the browser says that our own page sent it; what says neither is no browser that we know, and refused."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("origin") == f"{request.url.scheme}://{request.headers.get('host', '')}"
