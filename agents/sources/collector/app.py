"""Room 1a.  The collector: any Segment SDK sends here; 200 means that Kafka has every event.

A request passes: who (write key), how often (rate), how much (size), what (wire), stamped with the time we learned
of it, to `web-events`.  It needs nothing but Kafka and keeps nothing: run as many as there is traffic for.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import orjson
import structlog
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from agents.settings import Settings, SettingsError
from agents.sources.collector import wire
from agents.sources.collector.limits import Budget, RateLimit, WriteKeys
from agents.sources.collector.metrics import CollectorMetrics
from agents.sources.collector.publisher import Publisher, UnavailableError
from agents.sources.collector.wire import Endpoint, RefusedError

log = structlog.get_logger(__name__)

BODY_SECONDS = 10.0
"""How long a sender may take over one body."""
READING_BYTES = 64 << 20
"""Most bytes of bodies held at once; a request reserves the most that its path takes."""

LATER = "the same request later would be right"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def answer(status: int, content: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    """Answer in JSON, with the headers that keep a browser from making anything else of it."""
    body = orjson.dumps(content)
    return Response(body, status, HEADERS | dict(headers or {}), media_type="application/json")


def refusal(status: int, error: str, retry_after_seconds: int | None = None) -> Response:
    """Answer that nothing was taken, and why."""
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    if status == 401:
        # With `Basic` a browser would ask the visitor of the page for a password.
        headers["WWW-Authenticate"] = 'WriteKey realm="touchline"'
    return answer(status, {"success": False, "error": error}, headers)


class Collector:
    """What the routes do."""

    def __init__(self, keys: WriteKeys, rate: RateLimit, publisher: Publisher, metrics: CollectorMetrics) -> None:
        self._keys = keys
        self._rate = rate
        self._publisher = publisher
        self._metrics = metrics
        self._reading = Budget(READING_BYTES)

    async def collect(self, request: Request) -> Response:
        """Take one event or one batch, by the path."""
        endpoint = wire.ENDPOINTS.get(request.path_params["endpoint"])
        if endpoint is None:
            raise HTTPException(404, f"/v1/: no such path; one of {', '.join(wire.ENDPOINTS)} would be right")
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=HEADERS | {"Allow": "OPTIONS, POST"})
        with self._metrics.requests_in_flight.track_inprogress():
            response = await self._answered(endpoint, request)
        self._metrics.requests.labels(endpoint.kind, response.status_code).inc()
        return response

    async def _answered(self, endpoint: Endpoint, request: Request) -> Response:
        try:
            await self._accept(endpoint, request)
        except RefusedError as refused:
            return refusal(refused.status, refused.error, refused.retry_after_seconds)
        except UnavailableError as away:
            return refusal(503, f"kafka: {away.reason}; {LATER}", away.retry_after_seconds)
        except ClientDisconnect:
            return refusal(400, "body: the connection ended before it was complete")
        return answer(200, {"success": True})

    async def _accept(self, endpoint: Endpoint, request: Request) -> None:
        key = wire.basic_key(request.headers.get("authorization"))
        if key is not None:
            self._admit(key)
        if not self._reading.take(endpoint.limit_bytes):
            raise RefusedError(503, f"collector: too many requests at once; {LATER}", 1)
        try:
            parcel = wire.parse(endpoint, await _body(request, endpoint.limit_bytes))
            if key is None:
                self._admit(parcel.write_key or "")
            await self._publisher.publish(wire.stamp(parcel, endpoint, _now(), lambda: str(uuid4())))
        finally:
            self._reading.give(endpoint.limit_bytes)

    def _admit(self, key: str) -> None:
        sender = self._keys.find(key)
        if sender is None:
            raise RefusedError(401, "write key: missing or unknown; one of the collector's write keys would be right")
        wait = self._rate.wait_seconds(sender, time.monotonic())
        if wait:
            raise RefusedError(429, f"write key: too many requests a second; {LATER}", wait)

    async def livez(self, _: Request) -> Response:
        """Say that the process answers: whatever Kafka does, a restart would not help."""
        return answer(200, {"live": True})

    async def readyz(self, _: Request) -> Response:
        """Say whether events would be taken now."""
        trouble = self._publisher.trouble
        return answer(200, {"ready": True}) if trouble is None else answer(503, {"ready": False, "error": trouble})

    async def metrics(self, request: Request) -> Response:
        """Give the metrics, in the format that the scraper asks for."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._metrics.registry), headers=HEADERS | {"Content-Type": content_type})

    async def refuse_request(self, _: Request, error: Exception) -> Response:
        """Answer what no route takes: an unknown path, a wrong method."""
        assert isinstance(error, HTTPException)
        self._metrics.requests.labels("other", error.status_code).inc()
        return answer(error.status_code, {"success": False, "error": error.detail}, error.headers)

    async def fail_request(self, _: Request, error: Exception) -> Response:
        """Answer 500: a fault of ours.  SDKs send the events again."""
        self._metrics.requests.labels("other", 500).inc()
        return refusal(500, f"collector: a fault of its own; {LATER}")


async def _body(request: Request, limit_bytes: int) -> bytes:
    """Read a body of at most `limit_bytes`, before and after gunzip, or raise `RefusedError`."""
    if int(request.headers.get("content-length", "0")) > limit_bytes:
        raise wire.too_large(limit_bytes)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"gzip", "identity", ""}:
        raise RefusedError(415, "Content-Encoding: unknown; gzip or none would be right")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            pieces = request.stream()
            return await (_gunzipped(pieces, limit_bytes) if encoding == "gzip" else _plain(pieces, limit_bytes))
    except TimeoutError:
        raise RefusedError(408, f"body: not complete after {BODY_SECONDS:g} s; {LATER}") from None


async def _plain(pieces: AsyncIterator[bytes], limit_bytes: int) -> bytes:
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > limit_bytes:
            raise wire.too_large(limit_bytes)
    return bytes(body)


async def _gunzipped(pieces: AsyncIterator[bytes], limit_bytes: int) -> bytes:
    inflater = wire.Inflater(limit_bytes)
    body = bytearray()
    async for piece in pieces:
        body += inflater.feed(piece)
    inflater.finish()
    return bytes(body)


def _now() -> str:
    """Tell the received time: one of the two places where the wall clock is read."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_keys(settings: Settings) -> WriteKeys:
    """Gather the keys of both settings; raise `SettingsError` where the file can't be read."""
    keys = [key.get_secret_value().strip() for key in settings.write_keys]
    if settings.write_keys_file is not None:
        try:
            keys += [line.strip() for line in settings.write_keys_file.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"TOUCHLINE_WRITE_KEYS_FILE: cannot be read ({type(error).__name__})") from None
    found = WriteKeys(key for key in keys if key)
    if not found:
        log.warning(
            "no write key is set: every request will get 401; set TOUCHLINE_WRITE_KEYS or TOUCHLINE_WRITE_KEYS_FILE"
        )
    return found


def build_app(settings: Settings, publisher: Publisher, metrics: CollectorMetrics) -> Starlette:
    """Make the ASGI application; its lifespan starts and stops the publisher.  Raises `SettingsError`."""
    rate = RateLimit(settings.requests_per_second)
    collector = Collector(write_keys(settings), rate, publisher, metrics)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await publisher.start()
        try:
            yield
        finally:
            await publisher.stop()

    return Starlette(
        routes=[
            Route("/v1/{endpoint}", collector.collect, methods=["POST", "OPTIONS"]),
            Route("/livez", collector.livez),
            Route("/readyz", collector.readyz),
            Route("/metrics", collector.metrics),
        ],
        middleware=_cors(settings.cors_origins),
        exception_handlers={HTTPException: collector.refuse_request, Exception: collector.fail_request},
        lifespan=lifespan,
    )


def _cors(origins: Sequence[str]) -> list[Middleware]:
    """Let pages of these origins send; none: no CORS header at all."""
    if not origins:
        return []
    allowed = ["Authorization", "Content-Encoding", "Content-Type", "X-Retry-Count"]
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["POST"],
            allow_headers=allowed,
            expose_headers=["Retry-After"],
        )
    ]
