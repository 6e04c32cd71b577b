"""Demo, part 4.  Feed: the company's past, and its events - history to Kafka, live days to Segment's library."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import orjson
from segment.analytics.client import Client

from agents.local.company import shared_devices, simulate
from agents.local.company.books import Books
from agents.local.company.sales import org_history
from agents.local.company.visits import Call, Json
from agents.local.demo.scene import Scene
from agents.settings import Settings
from agents.sources.replay.lines import Line
from agents.sources.replay.publish import Progress, publish
from agents.sources.replay.timeline import stamped, with_marks
from streams.instants import DAY_MS

CALLS_PER_SECOND = 25
UPLOAD_SECONDS = 0.2
"""How long Segment's library gathers calls before it posts them."""
FLUSH_SECONDS = 30.0


class RefusedError(Exception):
    """The collector did not take events of the library; the text is the library's."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the company did until the demo began."""

    begin_ms: int
    lines: list[Line]
    """Its events, as lines of a file that `touchline replay --clock file` would read."""
    shared_devices: dict[str, set[str]]
    """{anonymous id: the users who share it}."""
    books: Books
    """Its Salesforce org; the clock goes with ours."""


def past(seed: int, days: int) -> Past:
    """Invent the company's history up to now."""
    end_ms = time.time_ns() // 1_000_000
    events = list(simulate(seed, days, end_ms))
    lines = [Line("history", number, orjson.dumps(event)) for number, event in enumerate(events, start=1)]
    books = org_history(seed, days, end_ms)
    books.org.start_clock()
    return Past(end_ms - days * DAY_MS, lines, shared_devices(events), books)


async def play(
    settings: Settings,
    history: Iterable[Line],
    scene: Scene,
    changed: Callable[[], None],
) -> None:
    """Publish a history with its own clock, as fast as Kafka takes it."""

    def report(progress: Progress) -> None:
        scene.published = progress.events
        changed()

    items = with_marks(stamped(history, time.time_ns() // 1_000_000))
    await publish(settings.kafka_bootstrap, items, stamp=True, report=report)


async def go_live(host: str, write_key: str, calls: Iterable[Call], scene: Scene, seconds: float | None) -> None:
    """Let the company live on, through the official library over HTTP, for `seconds` or (None) without end.

    Raise `RefusedError` when the collector refuses.
    """
    refused: list[str] = []
    client = Client(
        write_key,
        host=host,
        upload_interval=UPLOAD_SECONDS,
        max_retries=3,
        timeout=5,
        on_error=lambda error, _: refused.append(str(error)),
    )
    started = time.monotonic()
    try:
        for number, call in enumerate(calls, start=1):
            if refused or (seconds is not None and time.monotonic() - started > seconds):
                break
            _send(client, call.fields)
            scene.sent_live += 1
            await asyncio.sleep(max(0.0, started + number / CALLS_PER_SECOND - time.monotonic()))
    finally:
        await asyncio.wait_for(asyncio.to_thread(client.shutdown), FLUSH_SECONDS)
    if refused:
        msg = f"the collector refused events: {refused[0]}"
        raise RefusedError(msg)


def _send(client: Client, fields: Json) -> None:
    """Make one call of the library.  It writes into the context, which calls of one page share."""
    who = {"user_id": fields.get("userId"), "anonymous_id": fields.get("anonymousId")}
    context = dict(fields["context"])
    match fields["type"]:
        case "track":
            client.track(event=fields["event"], properties=fields["properties"], context=context, **who)
        case "page":
            client.page(name=fields["name"], properties=fields["properties"], context=context, **who)
        case "identify":
            client.identify(traits=fields["traits"], context=context, **who)
