"""A company to try Touchline with: a B2B product, its visitors and users, and all that goes wrong with their events.

Pure: the same seed gives the same events.  Rooms: web (data) -> people -> visits -> delivery; market (data) -> books ->
sales, which is the door to its Salesforce org.  Here: the door to its events.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from random import Random

from agents.local.company import web
from agents.local.company.delivery import Arrived, deliver
from agents.local.company.people import PEOPLE, Person, cast, uuid
from agents.local.company.visits import DAY_MS, REPORT, SHARE, Browser, Call, Json, crawl, history

__all__ = ["PEOPLE", "live", "shared_devices", "simulate"]

CRAWLED = 0.005
"""Share of events that robots make."""


def simulate(seed: int, days: int, end_ms: int, people: int = PEOPLE) -> Iterator[Json]:
    """Yield `days` days of Segment events that end before `end_ms`, in received order, about 1.7 a person and day.

    Each has messageId, originalTimestamp, sentAt and receivedAt.  Some come late, twice or broken, as they do.
    """
    arrived = [
        event
        for person in cast(seed, days, people)
        for event in _events_of(seed, person, days, end_ms - days * DAY_MS)
        if event[0] < end_ms
    ]
    arrived += _robots(seed, days, end_ms, events=int(len(arrived) * CRAWLED))
    arrived.sort(key=lambda event: event[0])
    return (event for _, event in arrived)


def shared_devices(events: Iterable[Json]) -> dict[str, set[str]]:
    """Find the browsers on which several people said who they are: {anonymous id: their user ids}."""
    users: dict[str, set[str]] = defaultdict(set)
    for event in events:
        device = {"identify": event.get("anonymousId"), "alias": event.get("previousId")}.get(event["type"])
        user = event.get("userId")
        if device and isinstance(user, str) and user != "null":
            users[device].add(user)
    return {device: found for device, found in users.items() if len(found) > 1}


def live(seed: int, days: int, people: int = PEOPLE) -> Iterator[Call]:
    """Yield calls without end, for the time after `simulate` with the same arguments; `at` is not used.

    The people who were rising become power users within the first 150 calls; strangers come and sign up.
    """
    rng = Random(f"{seed}/live")  # noqa: S311 - a play, not a secret
    everybody = cast(seed, days, people)
    yield from _rises(rng, [person for person in everybody if person.rising])
    users = [person for person in everybody if person.signs_up is not None and not person.rising]
    for number in count():
        yield from _newcomer(rng, users[0], number) if number % 8 == 0 else _few_clicks(rng, rng.choice(users))


def _events_of(seed: int, person: Person, days: int, begin_ms: int) -> Iterator[Arrived]:
    rng = Random(f"{seed}/delivery/{person.number}")  # noqa: S311 - a play, not a secret
    for calls in history(seed, person, days, begin_ms):
        yield from deliver(rng, calls, person.skew_ms)


def _robots(seed: int, days: int, end_ms: int, *, events: int) -> list[Arrived]:
    rng = Random(f"{seed}/robots")  # noqa: S311 - a play, not a secret
    walks = range(events // len(web.SITE_PAGES))
    begins = [end_ms - 600_000 - rng.randrange(max(days * DAY_MS - 600_000, 1)) for _ in walks]
    return [event for begin in begins for event in deliver(rng, crawl(rng, begin), 0) if event[0] < end_ms]


def _rises(rng: Random, rising: list[Person]) -> Iterator[Call]:
    """Let everybody who is rising view the missing reports, in turn, and share a dashboard."""
    browsers = [Browser(rng, person, 0, 0, known=True) for person in rising]
    for browser in browsers:
        yield browser.open(f"{web.APP}/reports", "Reports", "")
    for _ in range(4):
        for browser in browsers:
            yield browser.track(REPORT, report_id=f"r-{rng.randrange(60)}")
    for browser in browsers:
        yield browser.track(SHARE, dashboard_id=f"d-{rng.randrange(20)}")


def _few_clicks(rng: Random, person: Person) -> Iterator[Call]:
    browser = Browser(rng, person, 0, 0, known=True)
    path, title = rng.choice(web.APP_PAGES)
    yield browser.open(web.APP + path, title, "")
    yield browser.track(rng.choice((REPORT, *web.ACTIONS)))


def _newcomer(rng: Random, pattern: Person, number: int) -> Iterator[Call]:
    """Let somebody come by a campaign, and sign up at once."""
    person = replace(
        pattern,
        user_id=f"n-{number:05}",
        devices=(uuid(rng),),
        email=f"new.{number}@newcomer.example",
        name=f"{rng.choice(web.FIRST_NAMES)} {rng.choice(web.LAST_NAMES)}",
        agents=(rng.choice(web.DESKTOPS),),
    )
    browser = Browser(rng, person, 0, 0, known=False)
    yield browser.land(rng.choice(web.FIRST_ARRIVALS))
    yield browser.open(f"{web.SITE}/pricing", "Pricing", f"{web.SITE}/")
    yield browser.identify()
    yield browser.track("Signed Up", plan="trial")
