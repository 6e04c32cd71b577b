"""The company, room 7.  Sales: what happens in the org and when - accounts, leads, deals, and what goes wrong.

In: the same seed and days as the web's history.  Out: `Books` with that history in them, then deeds without end.  Pure.
"""

from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from random import Random
from typing import NamedTuple, TypeAlias

from agents.local.company import market
from agents.local.company.books import LOST, WON, Books, Offer
from agents.local.company.people import PEOPLE, SHARED_DEVICES, Person, cast
from agents.local.company.visits import DAY_MS

FOUNDED_DAYS = 400
"""Before the history: the org is set up."""
ACCOUNTS_DAYS = 300
"""Before the history: the first account."""
KNOWN_DAYS = 200
"""Before the history at most: a customer's person became a contact."""
CONTACTS, CONTACTS_AND_LEADS = 0.4, 0.65
"""Share of the users of a company with an account."""
CONVERTED = 0.4
DEALS_OF_NEW, DEALS_OF_OLD = 0.6, 0.15
WON_OR_LOST = (0.55, 0.8)
"""Share of deals that are won, and that are won or lost."""

Work: TypeAlias = Callable[[Books], None]


class Deed(NamedTuple):
    """Something that somebody does in the org."""

    at: int
    do: Work


def org_history(seed: int, days: int, end_ms: int, people: int = PEOPLE) -> Books:
    """Let the org have its history up to `end_ms`, at which its clock then stands.

    The people are those of `simulate` with the same arguments; some dozens of them at least.
    """
    begin_ms = end_ms - days * DAY_MS
    books = Books(seed, begin_ms - FOUNDED_DAYS * DAY_MS)
    deeds = [deed for deed in _deeds(seed, days, begin_ms, people) if deed.at < end_ms]
    for deed in sorted(deeds, key=attrgetter("at")):
        books.org.set_clock(deed.at)
        deed.do(books)
    books.org.set_clock(end_ms)
    return books


def org_live(seed: int, days: int, books: Books, people: int = PEOPLE) -> Iterator[Work]:
    """Yield what happens in the org after `org_history` with the same arguments, without end; each is to be done."""
    rng = Random(f"{seed}/sales/live")  # noqa: S311 - a play, not a secret
    everybody = cast(seed, days, people)
    known = [everybody[number] for number in books.contacts]
    strangers = [one for one in everybody if one.signs_up is not None and _is_unknown(one, books)]
    while True:
        person = rng.choice(known)
        yield partial(Books.retitle, person=person, title=_title(rng))
        yield partial(Books.open_deal, person=person, offer=_offer(rng))
        if strangers:
            stranger = strangers.pop()
            yield partial(Books.hear_of, person=stranger, title=_title(rng), source=rng.choice(market.LEAD_SOURCES))
            yield partial(Books.convert, person=stranger, offer=_offer(rng))
            known.append(stranger)
        yield partial(Books.move_deal, person=person, stage=rng.choice((WON, LOST)))
        yield partial(Books.log_call, person=rng.choice(known))


def _is_unknown(person: Person, books: Books) -> bool:
    return person.number not in books.contacts and person.number not in books.leads


def _deeds(seed: int, days: int, begin_ms: int, people: int) -> Iterator[Deed]:
    for number, buyer in enumerate(market.BUYERS):
        if buyer.customer:
            yield Deed(begin_ms - (ACCOUNTS_DAYS - number) * DAY_MS, partial(Books.win_over, buyer=buyer))
    everybody = cast(seed, days, people)
    heroes = [person for person in everybody if _is_old_customer(person)][:5]
    yield from _stories(heroes, days, begin_ms)
    for person in everybody:
        if person.signs_up is not None and person not in heroes:
            rng = Random(f"{seed}/sales/{person.number}")  # noqa: S311 - a play, not a secret
            yield from _career(rng, person, begin_ms, person.signs_up)


def _is_old_customer(person: Person) -> bool:
    """Whether they were known, by nobody else's device, when the history began."""
    return person.identified < 0 and person.employer.customer and person.number >= 2 * SHARED_DEVICES


def _stories(heroes: list[Person], days: int, begin_ms: int) -> Iterator[Deed]:
    """Let happen what has to happen once, however short the history is."""
    twice, renamed, lead, won_again, lost = heroes
    offer = Offer(24_000, 12, None, market.ROLES[0])

    def at(part: float, within_days: float = float("inf")) -> int:
        """Tell the instant at a part of the history, or so many days before its end where that is later."""
        return begin_ms + int(max(part * days, days - within_days) * DAY_MS)

    for person in (twice, renamed, won_again, lost):
        yield Deed(begin_ms - DAY_MS, partial(Books.know, person=person, title="Product Manager"))
    yield Deed(at(0.5), partial(Books.know_again, person=twice, title="VP Product"))
    # A loser stays in the recycle bin for 15 days: only there REST can say what became of it.
    yield Deed(at(0.9, 5), partial(Books.merge, person=twice))
    yield Deed(at(0.95, 2), partial(Books.retitle, person=renamed, title="VP of Product", lost=True))
    yield Deed(at(0.3), partial(Books.hear_of, person=lead, title="VP Product", source="Web"))
    yield Deed(at(0.5), partial(Books.convert, person=lead, offer=offer))
    yield Deed(at(0.7), partial(Books.move_deal, person=lead, stage=WON))
    for person, stage in ((won_again, WON), (lost, LOST)):
        yield Deed(at(0.2), partial(Books.open_deal, person=person, offer=offer))
        yield Deed(at(0.4), partial(Books.move_deal, person=person, stage=stage))
    yield Deed(at(0.6), partial(Books.reopen_deal, person=won_again))


def _career(rng: Random, person: Person, begin_ms: int, signs_up: float) -> Iterator[Deed]:
    """Yield what Beacon's people do about one of the others, in order: nothing, for many."""
    days = -rng.uniform(2, KNOWN_DAYS) if signs_up < 0 else signs_up + rng.uniform(0.1, 3.0)
    at, dice, title = begin_ms + int(days * DAY_MS), rng.random(), _title(rng)
    if dice < CONTACTS and person.employer.customer:
        yield Deed(at, partial(Books.know, person=person, title=title))
        yield from _dealings(rng, person, max(at, begin_ms))
    elif dice < CONTACTS_AND_LEADS:
        yield Deed(at, partial(Books.hear_of, person=person, title=title, source=rng.choice(market.LEAD_SOURCES)))
        if rng.random() < CONVERTED:
            at = _later(rng, max(at, begin_ms), 2, 15)
            yield Deed(at, partial(Books.convert, person=person, offer=_offer(rng)))
            yield from _course_of_deal(rng, person, at)


def _dealings(rng: Random, person: Person, at: int) -> Iterator[Deed]:
    if rng.random() < 0.2:
        yield Deed(_later(rng, at, 1, 60), partial(Books.log_call, person=person))
    if rng.random() < 0.15:
        yield Deed(_later(rng, at, 1, 60), partial(Books.retitle, person=person, title=_title(rng)))
    if rng.random() < (DEALS_OF_OLD if person.arrives < 0 else DEALS_OF_NEW):
        opened_at = _later(rng, at, 1, 20)
        yield Deed(opened_at, partial(Books.open_deal, person=person, offer=_offer(rng)))
        yield from _course_of_deal(rng, person, opened_at)


def _course_of_deal(rng: Random, person: Person, opened_at: int) -> Iterator[Deed]:
    proposed_at = _later(rng, opened_at, 1, 5)
    yield Deed(proposed_at, partial(Books.move_deal, person=person, stage=market.STAGES[-1]))
    won, won_or_lost = WON_OR_LOST
    dice, closed_at = rng.random(), _later(rng, proposed_at, 2, 20)
    if dice < won_or_lost:
        yield Deed(closed_at, partial(Books.move_deal, person=person, stage=WON if dice < won else LOST))


def _offer(rng: Random) -> Offer:
    amount, months = rng.choice(market.AMOUNTS), rng.choice(market.TERMS)
    arr = amount / 2 if rng.random() < 0.25 else None
    return Offer(amount, months, arr, rng.choice(market.ROLES))


def _title(rng: Random) -> str:
    return rng.choices(list(market.TITLES), weights=list(market.TITLES.values()))[0]


def _later(rng: Random, at: int, least_days: float, most_days: float) -> int:
    return at + int(rng.uniform(least_days, most_days) * DAY_MS)
