"""The file: Segment events of 5,000 people, few of them very busy, and who has to be asked by its account.

Each line is one event of some 560 bytes, in order of time, over the 60 days before the run.  A person has one device,
so that the order of a person's events does not hang on the order in which a program reads partitions.
"""

import json
import random
import uuid
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from zlib import crc32

import orjson
from aiokafka.partitioner import murmur2

PEOPLE = 5_000
DAY_MS = 86_400_000
SPAN_MS = 60 * DAY_MS
DELIVERED_MS = 200
"""So long after it happened an event is received."""
REPORT, SHARE = "Report Viewed", "Dashboard Shared"
MORE_THAN_REPORTS = 20
WINDOW_DAYS = 30
SEED = 7
EVENTS_A_DAY = 5
SESSION_EVENTS = 10
SESSION_GAP_MS = 30_000
"""How people come and go (`in_sessions`): events a day of a person, events of a session, and between two of them."""
AVID_SHARE = 2_200
"""One person in so many events is avid: sure to view over 60 reports in 30 days.  Nobody is near the rule's threshold,
so that counting days (the peers) and counting to the millisecond (ours) ask the same people."""
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148",
)
CAMPAIGNS = tuple(
    (name, source, medium)
    for name in ("brand-search", "heads-of-data-q3", "product-news", "weekly-digest", "retargeting", "partner-list")
    for source, medium in (("google", "cpc"), ("linkedin", "paid-social"), ("newsletter", "email"))
)
PAGES = ("/home", "/reports", "/dashboards", "/data", "/settings", "/pricing", "/product", "/customers")
NAMES = (REPORT, SHARE, "", "Filter Applied", "Comment Added")
"""Empty: a page."""
AVID = (50, 5, 20, 15, 10)
OTHERS = (4, 1, 40, 30, 25)
QUIET = (0, 0, 40, 35, 25)
"""Weights of `NAMES`."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event, ready to be published."""

    at: int
    """Received, milliseconds."""
    device: bytes
    """Key of the record."""
    value: bytes


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with one device."""

    user_id: str
    device: str

    @classmethod
    def named(cls, user_id: str) -> "Person":
        """Make up a person; the same name gives the same device."""
        return cls(user_id, str(uuid.uuid5(uuid.NAMESPACE_OID, user_id)))


class Maker:
    """Writes events of people; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._pages = [_page(path) for path in PAGES]
        self._campaigns = [_campaign(*campaign) for campaign in CAMPAIGNS]

    def line(self, person: Person, name: str, at: int) -> Line:
        """Write one event that happened at `at` and was received `DELIVERED_MS` later; empty name: a page."""
        chance = self._random.random()
        happened, received = _iso(at), _iso(at + DELIVERED_MS)
        kind = f'"type":"track","event":"{name}"' if name else '"type":"page"'
        campaign = self._campaigns[int(chance * 1e6) % len(self._campaigns)] if not name and chance < 0.15 else ""
        value = (
            f'{{{kind},"messageId":"{self._id()}","userId":"{person.user_id}","anonymousId":"{person.device}",'
            f'"timestamp":"{happened}","sentAt":"{received}","receivedAt":"{received}",'
            f'"context":{{"userAgent":"{_agent(person.device)}","locale":"en-US",'
            f'"page":{self._pages[int(chance * 1e4) % len(self._pages)]}{campaign}}},'
            f'"properties":{{"item":"r-{int(chance * 1e5) % 997}"}}}}'
        )
        return Line(at + DELIVERED_MS, person.device.encode(), value.encode())

    def stream(self, people: Sequence[Person], avid: int, instants: Iterable[int]) -> Iterator[Line]:
        """Write one event an instant: of person n with weight 1/n; the first `avid` people view reports."""
        shares = list(accumulate(1 / rank for rank in range(1, len(people) + 1)))
        wants = [_wants(AVID), _wants(OTHERS if avid else QUIET)]
        draw = self._random.random
        for at in instants:
            rank = min(bisect_right(shares, draw() * shares[-1]), len(people) - 1)
            yield self.line(people[rank], wants[rank >= avid][int(draw() * 100)], at)

    def _id(self) -> str:
        digits = f"{self._random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


@dataclass(frozen=True, slots=True)
class File:
    """The events on disk."""

    path: Path
    events: int
    begin: int
    asked: frozenset[str]
    """User ids whom the rule asks, by `recount`."""

    def asked_in(self, most: int) -> frozenset[str]:
        """Say whom the rule asks in the first `most` events."""
        return self.asked if most >= self.events else recount(self.path, most)

    def lines(self, most: int) -> Iterator[Line]:
        """Read the first `most` events."""
        with self.path.open("rb") as source:
            for number, value in zip(range(most), source, strict=False):
                key = value.index(b'"anonymousId":"') + 15
                yield Line(
                    self.begin + number * SPAN_MS // self.events + DELIVERED_MS, value[key : key + 36], value[:-1]
                )


def write(folder: Path, events: int, now: int) -> File:
    """Write the file, and count who has to be asked."""
    folder.mkdir(parents=True, exist_ok=True)
    path, begin = folder / f"events-{events}.ndjson", now - SPAN_MS
    people = [Person.named(f"u-{rank:05}") for rank in range(1, PEOPLE + 1)]
    instants = (begin + number * SPAN_MS // events for number in range(events))
    with path.open("wb") as out:
        for line in Maker(SEED).stream(people, max(1, events // AVID_SHARE), instants):
            out.write(line.value + b"\n")
    return File(path, events, begin, recount(path, events))


def recount(path: Path, most: int) -> frozenset[str]:
    """Say whom the rule asks in the first `most` lines: plainly, from the file, by instants and by days.

    Both must agree, or the file does not suit the bench.
    """
    by_instant, by_day = _ByInstant(), _ByDay()
    with path.open("rb") as source:
        for _, line in zip(range(most), source, strict=False):
            event = orjson.loads(line)
            at = int(datetime.fromisoformat(event["timestamp"]).timestamp() * 1000)
            if event.get("event") in (REPORT, SHARE):
                by_instant.see(event["userId"], event["event"], at)
                by_day.see(event["userId"], event["event"], at)
    if by_instant.asked != by_day.asked:
        differ = sorted(by_instant.asked ^ by_day.asked)
        msg = f"{path}: counting days and counting milliseconds ask different people: {differ}"
        raise ValueError(msg)
    return frozenset(by_instant.asked)


class _ByInstant:
    """More than 20 reports and a share in the last 30 days, to the millisecond."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self._latest: dict[tuple[str, str], deque[int]] = defaultdict(lambda: deque(maxlen=MORE_THAN_REPORTS + 1))

    def see(self, user_id: str, name: str, at: int) -> None:
        self._latest[user_id, name].append(at)
        since = at - WINDOW_DAYS * DAY_MS
        reports, shares = self._latest[user_id, REPORT], self._latest[user_id, SHARE]
        if len(reports) > MORE_THAN_REPORTS and reports[0] > since and shares and shares[-1] > since:
            self.asked.add(user_id)


class _ByDay:
    """The same in whole days, today and the 29 before."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self._days: dict[str, dict[int, list[int]]] = defaultdict(dict)

    def see(self, user_id: str, name: str, at: int) -> None:
        days, today = self._days[user_id], at // DAY_MS
        days.setdefault(today, [0, 0])[name == SHARE] += 1
        for day in [day for day in days if day <= today - WINDOW_DAYS]:
            del days[day]
        if sum(day[0] for day in days.values()) > MORE_THAN_REPORTS and any(day[1] for day in days.values()):
            self.asked.add(user_id)


def finishers(number: int, partitions: int) -> list[Person]:
    """Name people whose triggers say that all that was published before them is done.

    From each source partition there are enough of them to reach each partition of the re-keyed topic, whichever of the
    programs' keys (plain, quoted, with `user:`) decides it.
    """
    found: list[Person] = []
    for source in range(partitions):
        missing = {(way, partition) for way in range(len(_KEYS)) for partition in range(partitions)}
        candidates = (Person.named(f"end-{number}-{source}-{count}") for count in range(1_000_000))
        here = (person for person in candidates if partition_of(person.device.encode(), partitions) == source)
        for person in here:
            reached = {(way, partition_of(key(person.user_id), partitions)) for way, key in enumerate(_KEYS)}
            if reached & missing:
                missing -= reached
                found.append(person)
            if not missing:
                break
    return found


def triggering(maker: Maker, people: Iterable[Person], at: int) -> Iterator[Line]:
    """Write what makes each of these people a member, the last event being what does it."""
    for person in people:
        yield from almost(maker, person, at)
        yield maker.line(person, REPORT, at + 30)


def almost(maker: Maker, person: Person, at: int) -> Iterator[Line]:
    """Write all but the last report that is needed."""
    yield maker.line(person, SHARE, at)
    for number in range(MORE_THAN_REPORTS):
        yield maker.line(person, REPORT, at + number)


def evenly(people: int, events: int, since: int, chance: random.Random) -> Iterator[tuple[int, int]]:
    """Yield (instant, number of a person): each event somebody's, a millisecond apart: the worst for caches."""
    return ((since + number, chance.randrange(people)) for number in range(events))


def in_sessions(people: int, events: int, since: int, chance: random.Random) -> Iterator[tuple[int, int]]:
    """Yield (instant, number of a person) in order of time, as people come and go: in sessions that begin at any time.

    Each has `SESSION_EVENTS` events, `SESSION_GAP_MS` apart on average, and a person has `EVENTS_A_DAY` on average: the
    more people, the more of them are there at once, and the shorter the time in which so many events come.
    """
    span = events * DAY_MS / (people * EVENTS_A_DAY)
    happened = []
    for _ in range(events // SESSION_EVENTS):
        person, at = chance.randrange(people), since + chance.random() * span
        for _ in range(SESSION_EVENTS):
            happened.append((int(at), person))
            at += chance.expovariate(1 / SESSION_GAP_MS)
    yield from sorted(happened)


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition that Java, aiokafka and Quix choose."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


_KEYS: tuple[Callable[[str], bytes], ...] = (
    str.encode,
    lambda user_id: json.dumps(user_id).encode(),
    lambda user_id: f"user:{user_id}".encode(),
)


def _wants(weights: tuple[int, ...]) -> list[str]:
    return [name for name, weight in zip(NAMES, weights, strict=True) for _ in range(weight)]


def _page(path: str) -> str:
    site = "https://app.beacon.example"
    return f'{{"url":"{site}{path}","path":"{path}","title":"Beacon","referrer":"{site}/home"}}'


def _campaign(name: str, source: str, medium: str) -> str:
    return f',"campaign":{{"name":"{name}","source":"{source}","medium":"{medium}"}}'


def _iso(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec='milliseconds')[:23]}Z"


def _agent(device: str) -> str:
    return AGENTS[crc32(device.encode()) % len(AGENTS)]
