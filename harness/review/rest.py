"""Requests to the API of a code host: JSON in, JSON out."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from harness.errors import InfrastructureError, InputError
from harness.support.thread_work import ThreadWork

Answer = TypeVar("Answer")

_TOTAL = 120.0  # seconds for all requests of one `conversation`
_DEADLINE = 30.0  # seconds for a connection, and for each read
_LARGEST = 20_000_000  # bytes of an answer
_NOT_ALLOWED = (401, 403, 404)  # a host says 404 for what a token may not even see


class NotAllowedError(InfrastructureError):
    """The token may not do what is asked."""


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that follows no redirect: it would take the token to another host."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


def conversation(requests: Callable[[], None]) -> None:
    """Make `requests`; raises their error, or `InfrastructureError` if they are not done in time.

    A host that sends a byte now and then, or page after page, would keep each request alive. The
    thread that still waits for it ends with the process.
    """
    work = ThreadWork("code host", requests)
    work.start()
    if not work.done.wait(_TOTAL):
        what = f"the comment was not written within {_TOTAL:g} s"
        raise InfrastructureError(
            what,
            where="the API of the code host",
            remedy="run the job again when the host answers; the text was written before, to the "
            "output or to the file of --markdown",
        )
    work.outcome()


def request(
    method: str, url: str, headers: Mapping[str, str], content: Any, answer: type[Answer]
) -> tuple[Answer, Mapping[str, str]]:
    """Send `content` as JSON; return the answer, and its headers in lower case.

    Raises `NotAllowedError` if the host refuses the token, `InfrastructureError` if it does not
    answer as expected, and `InputError` if `url` is not one of the web.
    """
    if not url.startswith(("https://", "http://")):
        raise InputError(f"is not a URL: {url!r}", where="the API of the code host")
    data = None if content is None else msgspec.json.encode(content)
    sent = urllib.request.Request(  # noqa: S310 - checked above
        url, data, {"Content-Type": "application/json", **headers}, method=method
    )
    where = f"{method} {url}"
    try:
        with _opener().open(sent, timeout=_DEADLINE) as received:
            found = msgspec.json.decode(received.read(_LARGEST), type=answer)
            return found, {name.lower(): value for name, value in received.headers.items()}
    except urllib.error.HTTPError as error:
        kind = NotAllowedError if error.code in _NOT_ALLOWED else InfrastructureError
        raise kind(f"answers {error.code} {error.reason}", where=where) from error
    except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
        raise InfrastructureError(f"does not answer: {error}", where=where) from error
    except msgspec.DecodeError as error:
        raise InfrastructureError(f"answers something else: {error}", where=where) from error
