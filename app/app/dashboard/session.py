"""Who has signed in: a cookie that the service has signed, and tokens for its forms. Nothing is kept on the server.

The key is made of the token that was shown, so that every worker can check it and a new token ends all sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["reader", "admin"]

COOKIE: Final = "dashboard_session"
SECONDS_VALID: Final = 8 * 3600
MOST_COOKIE: Final = 300


@dataclass(frozen=True, slots=True)
class Session:
    """A person that has shown a token. form: what the forms of this session carry, that no other page can know."""

    role: Role
    form: str


class Sessions:
    """Makes and checks cookies. tokens: of each role that can sign in."""

    def __init__(self, tokens: dict[Role, str]) -> None:
        """Empty tokens open nothing."""
        self._tokens = {role: token.encode() for role, token in tokens.items() if token}

    @property
    def roles(self) -> frozenset[Role]:
        """Who can sign in at all."""
        return frozenset(self._tokens)

    def role_of(self, shown: str) -> Role | None:
        """Whose token was shown. Takes as long whatever it is."""
        found: Role | None = None
        for role, token in self._tokens.items():
            if secrets.compare_digest(shown.encode(errors="replace"), token):
                found = role
        return found

    def cookie(self, role: Role) -> str:
        """The value of a new session's cookie."""
        said = f"{role}.{int(time.time()) + SECONDS_VALID}.{secrets.token_hex(8)}"
        return f"{said}.{self._sign(role, said)}"

    def read(self, cookie: str | None) -> Session | None:
        """Whose cookie it is; None unless it is one of ours and still valid."""
        said, _, signature = (cookie or "")[:MOST_COOKIE].rpartition(".")
        parts = said.split(".")
        role = next((role for role in self._tokens if role == parts[0]), None)
        if role is None or len(parts) != 3 or not parts[1].isdecimal():  # noqa: PLR2004 - role, until when, nonce
            return None
        is_ours = secrets.compare_digest(signature.encode(errors="replace"), self._sign(role, said).encode())
        if not is_ours or int(parts[1]) <= time.time():
            return None
        return Session(role, self._sign(role, f"form {said}"))

    def _sign(self, role: Role, said: str) -> str:
        key = hashlib.sha256(b"dashboard " + self._tokens[role]).digest()
        return hmac.new(key, said.encode(errors="replace"), hashlib.sha256).hexdigest()
