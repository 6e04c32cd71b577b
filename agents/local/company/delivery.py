"""The company, room 4.  Delivery: calls become what arrives at a collector, with all that goes wrong on the way.  Pure.

In: the calls of a session.  Out: whole Segment events; some late, some twice, some useless.
"""

from collections.abc import Iterator
from random import Random

from agents.local.company.people import uuid
from agents.local.company.visits import Call, Json
from streams.instants import iso

OFFLINE = 0.012
"""Share of sessions on a phone without network: its events come all at once, hours or days later."""
SLOW = 0.01
"""Share of events that are held up for seconds, and so come after younger ones."""
DUPLICATED = 0.007
USELESS = 0.001
"""Share of events beside which something arrives that cannot be used."""
LONGEST_OFFLINE_MS = 5 * 86_400_000

Arrived = tuple[int, Json]
"""Received time in milliseconds, and the event."""


def deliver(rng: Random, calls: list[Call], skew_ms: int) -> Iterator[Arrived]:
    """Send the calls of one session; not in received order."""
    offline_until = _offline_until(rng, calls)
    for call in calls:
        sent = offline_until or call.at + 5 + int(rng.random() * 20)
        if rng.random() < SLOW:
            sent += 5_000 + int(rng.random() * 55_000)
        received = sent + 30 + int(rng.expovariate(1 / 90))
        event = call.fields | {"messageId": uuid(rng), "originalTimestamp": iso(call.at + skew_ms)}
        yield received, event | {"sentAt": iso(sent + skew_ms), "receivedAt": iso(received)}
        if rng.random() < DUPLICATED:
            yield _again(rng, event, sent, received, skew_ms)
        if rng.random() < USELESS:
            yield _useless(rng, event, received)


def _offline_until(rng: Random, calls: list[Call]) -> int:
    """When a device without network has one again; 0: it had one all the time."""
    if not calls or rng.random() >= OFFLINE:
        return 0
    return calls[-1].at + min(LONGEST_OFFLINE_MS, int(rng.expovariate(1 / 30) * 3_600_000))


def _again(rng: Random, event: Json, sent: int, received: int, skew_ms: int) -> Arrived:
    """Repeat a delivery: by the library, which says anew when it sends, or by something between that does not."""
    later = 1_000 + int(rng.expovariate(1 / 60_000))
    again = sent + later if rng.random() < 0.5 else sent
    return received + later, event | {"sentAt": iso(again + skew_ms), "receivedAt": iso(received + later)}


def _useless(rng: Random, event: Json, received: int) -> Arrived:
    """Make something of an event that must end in `rejected-events`."""
    broken: Json = event | {"messageId": uuid(rng), "receivedAt": iso(received)}
    wrong: tuple[Json, ...] = (
        {"userId": None, "anonymousId": None},
        {"userId": "null"},
        {"userId": 4711},
        {"type": "trak"},
        {"originalTimestamp": "yesterday"},
        {"originalTimestamp": iso(received + 86_400_000)},
        {"context": "Mozilla/5.0"},
    )
    return received, broken | rng.choice(wrong)
