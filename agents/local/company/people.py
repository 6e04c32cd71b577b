"""The company, room 2.  People: who there is, how keen they are, when they come and when they stop.  Pure.

In: a seed.  Out: the same people each time.
"""

from dataclasses import dataclass, replace
from random import Random

from agents.local.company import web
from agents.local.company.market import BUYERS, BY_DOMAIN, Buyer

PEOPLE = 400
RISING = 6
"""People who at the end of the history are one shared dashboard and a few reports short of being power users."""
RISING_DAYS = 12
ALREADY_CUSTOMERS = 0.55
VISITORS_ONLY = 0.12
SHARED_DEVICES = 2
"""Pairs of people who sign in on the same browser."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person and their habits.  Days count from the beginning of the history."""

    number: int
    user_id: str
    devices: tuple[str, ...]
    """Their anonymous ids: the desk's browser, perhaps a phone."""
    email: str
    name: str
    zone: str
    offset_hours: int
    agents: tuple[str, ...]
    """A user agent for each device."""
    rate: float
    """Sessions on a working day."""
    share: float
    """Chance that a session ends with a shared dashboard."""
    arrives: float
    """Day of the first visit; below 0: a customer already when the history begins."""
    signs_up: float | None
    """Day of the sign-up; None: looks around and never returns."""
    identified: float
    """Day from which the site knows who it is: later than the sign-up where the identify call was forgotten."""
    stops: float
    """Day of the last visit."""
    skew_ms: int = 0
    """How far the clocks of their devices are ahead."""
    rising: bool = False

    @property
    def employer(self) -> Buyer:
        """The company that they work for, as their address says."""
        return BY_DOMAIN[self.email.partition("@")[2]]


def cast(seed: int, days: int, people: int) -> list[Person]:
    """Invent `people` persons for a history of `days` days; the last few are rising, the very first share devices."""
    found = [_person(seed, number, days, rising=number >= people - RISING) for number in range(people)]
    for pair in range(min(SHARED_DEVICES, people // 10)):
        first, second = found[2 * pair], found[2 * pair + 1]
        found[2 * pair + 1] = replace(second, devices=(first.devices[0], *second.devices[1:]))
    return found


def _person(seed: int, number: int, days: int, *, rising: bool) -> Person:
    rng = Random(f"{seed}/person/{number}")  # noqa: S311 - a play, not a secret
    first, last = rng.choice(web.FIRST_NAMES), rng.choice(web.LAST_NAMES)
    employer = rng.choice(BUYERS)
    zone, offset = rng.choice(web.ZONES)
    has_phone = rng.random() < 0.3
    arrives, signs_up = (days - RISING_DAYS - 2.0, days - RISING_DAYS) if rising else _beginning(rng, days)
    since = arrives if signs_up is None else signs_up
    return Person(
        number=number,
        user_id=f"u-{number:05}",
        devices=tuple(uuid(rng) for _ in range(1 + has_phone)),
        email=f"{first}.{last}.{number}@{employer.domain}".lower(),
        name=f"{first} {last}",
        zone=zone,
        offset_hours=offset,
        agents=(rng.choice(web.DESKTOPS), *((rng.choice(web.PHONES),) if has_phone else ())),
        rate=min(3.0, 0.17 * rng.paretovariate(1.15)),
        share=rng.uniform(0.03, 0.2) if rng.random() < 0.5 else 0.0,
        arrives=arrives,
        signs_up=signs_up,
        identified=since if rising or rng.random() > 0.1 else since + rng.uniform(1, 12),
        stops=days + 1.0 if rising or rng.random() > 0.5 else max(since, 0.0) + rng.expovariate(1 / 40),
        skew_ms=rng.randint(-600_000, 600_000) if rng.random() < 0.03 else 0,
        rising=rising,
    )


def _beginning(rng: Random, days: int) -> tuple[float, float | None]:
    """Day of the first visit and of the sign-up."""
    if rng.random() < ALREADY_CUSTOMERS:
        return -1.0, -1.0
    arrives = rng.uniform(0, days)
    if rng.random() < VISITORS_ONLY / (1 - ALREADY_CUSTOMERS):
        return arrives, None
    return arrives, arrives + rng.expovariate(1 / 5)


def uuid(rng: Random) -> str:
    """Draw an id in the canonical form of UUIDs, version 4."""
    text = f"{rng.getrandbits(128) & ~(0xF << 76) | 4 << 76:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
