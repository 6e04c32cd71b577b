"""The org, part 7.  Failures to order: the next calls whose path has `path` in it fail in a chosen way."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.local.org.signin import Doorkeeper


class Fault(StrEnum):
    """In which way a call fails."""

    expired_session = "expired-session"
    """401 INVALID_SESSION_ID, and the tokens handed out so far are worth nothing any more."""
    too_many = "too-many"
    """429 with Retry-After."""
    unavailable = "unavailable"
    """503 with Retry-After, if `seconds` is given."""
    limit = "limit"
    """403 REQUEST_LIMIT_EXCEEDED."""
    slow = "slow"
    """The answer comes `seconds` later."""
    dropped = "dropped"
    """The connection ends in the middle of the answer."""
    not_json = "not-json"
    """200 with a page of HTML."""
    malformed = "malformed"
    """200 with JSON, or CSV, that is not what was asked for."""
    expired_locator = "expired-locator"
    """400 INVALID_QUERY_LOCATOR."""


@dataclass(slots=True)
class _Order:
    fault: Fault
    path: str
    times: int
    seconds: float


@dataclass(slots=True)
class Faults:
    """What has been ordered and not happened yet; tests order from their thread, the server looks from its own."""

    orders: list[_Order] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def order(self, fault: Fault, *, times: int = 1, path: str = "/services/data", seconds: float = 0.0) -> None:
        """Let the next `times` calls to paths with `path` in them fail."""
        with self.lock:
            self.orders.append(_Order(fault, path, times, seconds))

    @property
    def pending(self) -> int:
        """Calls that still have to fail."""
        with self.lock:
            return sum(order.times for order in self.orders)

    def clear(self) -> None:
        """Forget what was ordered."""
        with self.lock:
            self.orders.clear()

    def take(self, path: str) -> _Order | None:
        """Take the order for a call to this path; None: it shall go well."""
        with self.lock:
            order = next((each for each in self.orders if each.path in path), None)
            if order:
                order.times -= 1
                self.orders = [each for each in self.orders if each.times > 0]
            return order


class FaultyApp:
    """The ASGI app in front of the org's own: fails as ordered, else passes the call on."""

    def __init__(self, app: ASGIApp, faults: Faults, door: Doorkeeper) -> None:
        self._app = app
        self._faults = faults
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        order = self._faults.take(scope["path"]) if scope["type"] == "http" else None
        if order is None:
            await self._app(scope, receive, send)
        elif order.fault is Fault.slow:
            await asyncio.sleep(order.seconds)
            await self._app(scope, receive, send)
        elif order.fault is Fault.dropped:
            await _drop(send)
        else:
            if order.fault is Fault.expired_session:
                self._door.tokens.clear()
            await _refusal(order, scope["path"])(scope, receive, send)


async def _drop(send: Send) -> None:
    """Begin an answer and return: uvicorn then closes the connection."""
    start: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9999")]}
    await send(start)
    await send({"type": "http.response.body", "body": b'{"records": [', "more_body": True})


def _refusal(order: _Order, path: str) -> JSONResponse | PlainTextResponse:
    later = {"Retry-After": f"{order.seconds:.0f}"} if order.seconds else {}
    match order.fault:
        case Fault.expired_session:
            return refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
        case Fault.too_many:
            return refused(429, "TOO_MANY_REQUESTS", "Slow down", {"Retry-After": "0"} | later)
        case Fault.unavailable:
            return refused(503, "SERVER_UNAVAILABLE", "Try again later", later)
        case Fault.limit:
            return refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", later)
        case Fault.expired_locator:
            return refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        case Fault.malformed if path.endswith("/results"):
            headers = {"Sforce-NumberOfRecords": "2", "Sforce-Locator": "null"}
            return PlainTextResponse('"Id","Name"\n"001"\n', headers=headers, media_type="text/csv")
        case Fault.malformed:
            return JSONResponse({"records": [{"Name": "no id"}], "done": "perhaps"})
    return PlainTextResponse("<html>maintenance</html>", media_type="text/html")


def refused(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Refuse as Salesforce's REST interface does: a list with one error."""
    return JSONResponse([{"errorCode": code, "message": message}], status, headers=headers)
