"""A message to somebody else's address: one POST of JSON, with little patience."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from model.errors import bounded

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS: Final = 10.0
MOST_BYTES: Final = 16 * 1024


class WebhookError(Exception):
    """The other side did not take the message. It never names the address, which may hold a secret."""


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - the base class's
        """Follow nobody: what was meant for one host is not for another."""


_OPENER: Final = urllib.request.build_opener(_Stay)


def post(url: str, message: Mapping[str, Any]) -> None:
    """Send `message` as JSON; returns when the other side has taken it (a status of 2xx).

    Raises:
        WebhookError: it did not.
    """
    body = json.dumps(message).encode()
    if len(body) > MOST_BYTES:
        raise WebhookError(f"the message has {len(body):,} bytes, more than {MOST_BYTES:,}")
    headers = {"Content-Type": "application/json", "User-Agent": "infra-mlops"}
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - settings admit http and https only
    try:
        with _OPENER.open(request, timeout=SECONDS):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        raise WebhookError(f"the webhook answered with status {error.code}") from None
    except (OSError, ValueError) as error:
        raise WebhookError(f"the webhook does not answer: {bounded(type(error).__name__)}") from None
