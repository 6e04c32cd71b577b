"""The company, room 3.  Visits: what one person does in a session, as Segment calls that are not sent yet.  Pure.

In: a person, a session's begin, a way of arriving.  Out: `Call`s in the order in which they happen.
"""

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from agents.local.company import web
from agents.local.company.people import Person, uuid
from agents.local.company.web import Arrival

Json = dict[str, Any]
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
REPORT = "Report Viewed"
SHARE = "Dashboard Shared"
REPORTS_SHORTLY_BEFORE = 18
"""Reports of a rising person: three short of the rule's 21."""
RISING_SPAN_DAYS = 9.0
"""Their reports are spread over so many days, up to the end of the history."""


class Call(NamedTuple):
    """One call of a Segment library, before it is sent."""

    at: int
    """When it happens, milliseconds of true time."""
    fields: Json
    """type, ids, event, properties, traits, context: all but times and messageId."""


class Browser:
    """One device of one person in one session: knows the current page, and whose session it is."""

    def __init__(self, rng: Random, person: Person, device: int, at: int, *, known: bool) -> None:
        self.rng = rng
        self.at = at
        self._ids = {"anonymousId": person.devices[device]} | ({"userId": person.user_id} if known else {})
        self._person = person
        self._base: Json = {
            "userAgent": person.agents[device],
            "locale": "en-US",
            "timezone": person.zone,
            "library": {"name": "analytics.js", "version": "2.11.0"},
        }
        self._context = self._base
        self.url = ""

    def open(self, url: str, title: str, referrer: str, campaign: Json | None = None) -> Call:
        """View a page."""
        page = {"url": url, "path": "/" + url.partition("example/")[2].partition("?")[0], "title": title}
        self._context = self._base | {"page": page | ({"referrer": referrer} if referrer else {})}
        if campaign:
            self._context["campaign"] = campaign
        self.url = url
        return self._call("page", name=title, properties=page)

    def land(self, arrival: Arrival) -> Call:
        """Arrive at the site, with whatever the address tells of the way."""
        query, campaign = [], None
        if arrival.campaign:
            source, medium, name = arrival.campaign
            campaign = {"source": source, "medium": medium} | ({"name": name} if name else {})
            query = [f"utm_source={source}", f"utm_medium={medium}", *([f"utm_campaign={name}"] if name else [])]
        if arrival.click:
            query.append(arrival.click + f"{self.rng.getrandbits(64):x}")
        url = web.SITE + arrival.path + ("?" + "&".join(query) if query else "")
        title = next((title for path, title in web.SITE_PAGES if path == arrival.path), "Beacon")
        return self.open(url, title, arrival.referrer, campaign)

    def track(self, event: str, **properties: object) -> Call:
        """Do something that is tracked."""
        return self._call("track", event=event, properties=properties)

    def identify(self) -> Call:
        """Say who it is; from now on calls carry the user's id."""
        self._ids["userId"] = self._person.user_id
        return self._call("identify", traits={"email": self._person.email, "name": self._person.name})

    def alias(self) -> Call:
        """Say who it is in the old way."""
        self._ids["userId"] = self._person.user_id
        return self._call("alias", previousId=self._ids["anonymousId"])

    def _call(self, kind: str, **fields: object) -> Call:
        call = Call(self.at, {"type": kind} | self._ids | fields | {"context": self._context})
        self.at += int(self.rng.expovariate(1 / 25_000)) + 300
        return call


def history(seed: int, person: Person, days: int, begin_ms: int) -> Iterator[list[Call]]:
    """Yield the sessions of one person, in order, each as its calls."""
    rng = Random(f"{seed}/history/{person.number}")  # noqa: S311 - a play, not a secret
    if person.arrives >= 0:
        yield from _before_sign_up(rng, person, begin_ms)
    if person.signs_up is None:
        return
    met: set[int] = set()
    for begin in _begins(rng, person, days, begin_ms):
        device = rng.randrange(len(person.devices))
        known = begin >= begin_ms + person.identified * DAY_MS
        browser = Browser(rng, person, device, begin, known=known and device in met)
        yield list(_session(browser, person, introduces=known and device not in met))
        if known:
            met.add(device)
    if person.rising:
        yield from _rise(rng, person, days, begin_ms)


def _before_sign_up(rng: Random, person: Person, begin_ms: int) -> Iterator[list[Call]]:
    """Look around without a name, and perhaps sign up."""
    at = begin_ms + int(person.arrives * DAY_MS)
    end = at if person.signs_up is None else begin_ms + int(person.signs_up * DAY_MS)
    arrivals: tuple[Arrival, ...] = web.FIRST_ARRIVALS
    while at <= end:
        browser = Browser(rng, person, 0, at, known=False)
        yield [browser.land(_choose(rng, arrivals)), *_look_around(browser)]
        arrivals = web.RETURNS
        at = browser.at + int(rng.expovariate(1 / 3) * DAY_MS)
    if person.signs_up is not None:
        browser = Browser(rng, person, 0, max(end, browser.at + 60_000), known=False)
        yield list(_sign_up(browser, person))


def _sign_up(browser: Browser, person: Person) -> Iterator[Call]:
    yield browser.open(f"{web.SITE}/signup", "Sign up", f"{web.SITE}/pricing")
    if person.identified == person.signs_up:
        yield browser.identify()
    yield browser.track("Signed Up", plan="trial")
    yield browser.open(f"{web.APP}/home", "Home", web.SIGN_IN)


def _begins(rng: Random, person: Person, days: int, begin_ms: int) -> Iterator[int]:
    """Yield when sessions begin: mostly on working days, in working hours where the person lives."""
    first = max(0, int(person.signs_up or 0) + 1)
    for day in range(first, min(days, int(person.stops) + 1)):
        midnight = begin_ms + day * DAY_MS
        is_weekend = (midnight // DAY_MS + 3) % 7 >= 5
        expected = (0.1 if person.rising else person.rate) * (0.15 if is_weekend else 1.0)
        hour = 8.5 - person.offset_hours
        for _ in range(int(expected + rng.random())):
            hour += rng.uniform(0.6, 3.5)
            yield midnight + int(hour * HOUR_MS)


def _session(browser: Browser, person: Person, *, introduces: bool) -> Iterator[Call]:
    """Return, sign in where needed, and work."""
    rng = browser.rng
    arrival = _choose(rng, web.RETURNS)
    if arrival.referrer or arrival.campaign:
        yield browser.land(arrival)
    yield browser.open(f"{web.APP}/home", "Home", web.SIGN_IN if introduces else browser.url)
    if introduces:
        yield browser.alias() if person.number % 50 == 7 else browser.identify()
        yield browser.track("Logged In", method="google")
    yield from _work(browser, person)


def _work(browser: Browser, person: Person) -> Iterator[Call]:
    """Click about in the app, which is one page to the browser: the referrer stays what it was."""
    rng = browser.rng
    for _ in range(1 + int(rng.expovariate(1 / 5.5))):
        dice = rng.random()
        if dice < 0.45:
            path, title = rng.choice(web.APP_PAGES)
            yield browser.open(web.APP + path, title, web.SIGN_IN)
        elif dice < 0.72:
            if not person.rising:
                yield browser.track(REPORT, report_id=f"r-{rng.randrange(60)}")
        elif dice < 0.78:
            yield browser.track("Report Exported", format=rng.choice(("pdf", "csv")))
        else:
            yield browser.track(rng.choice(web.ACTIONS))
    if rng.random() < person.share and not person.rising:
        yield browser.track(SHARE, dashboard_id=f"d-{rng.randrange(20)}")
    if rng.random() < 0.03:
        yield browser.track("Teammate Invited")
    if rng.random() < 0.004:
        yield browser.open(f"{web.APP}/settings/billing", "Billing", web.CHECKOUT)


def _rise(rng: Random, person: Person, days: int, begin_ms: int) -> Iterator[list[Call]]:
    """View many reports lately, and share nothing yet."""
    for number in range(REPORTS_SHORTLY_BEFORE):
        at = begin_ms + int((days - RISING_SPAN_DAYS + number * RISING_SPAN_DAYS / REPORTS_SHORTLY_BEFORE) * DAY_MS)
        browser = Browser(rng, person, 0, at, known=True)
        opened = browser.open(f"{web.APP}/reports", "Reports", "")
        yield [opened, browser.track(REPORT, report_id=f"r-{rng.randrange(60)}")]


def _look_around(browser: Browser) -> Iterator[Call]:
    for _ in range(int(browser.rng.expovariate(1 / 2.5))):
        path, title = browser.rng.choice(web.SITE_PAGES)
        yield browser.open(web.SITE + path, title, browser.url)


def crawl(rng: Random, at: int) -> list[Call]:
    """Let a robot walk through the site."""
    person = Person(-1, "", (uuid(rng),), "", "", "UTC", 0, (rng.choice(web.BOTS),), 0, 0, 0, None, 0, 0)
    browser = Browser(rng, person, 0, at, known=False)
    return [browser.open(web.SITE + path, title, "") for path, title in web.SITE_PAGES]


def _choose(rng: Random, arrivals: tuple[Arrival, ...]) -> Arrival:
    return rng.choices(arrivals, weights=[arrival.weight for arrival in arrivals])[0]
