"""The account of a person: what their contacts' and addresses' accounts said last, and what is told once."""

import json
from collections.abc import Iterable
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from streams.asks import Trigger
from streams.events import AccountState, Facts, Link, Record, Told
from streams.policy import Policy
from streams.profile import pack, unpack
from streams.profile.state import TOLD
from streams.views import encode, profile_view, trigger_message
from tests.streams.test_profile_properties import FINE, LAWS, T0, Row, Rows, event, settled

ACME, BRAND = "001000000000001AAA", "001000000000002AAA"
CONTACT, ADDRESS, USER = "sf:003c1", "email:e1", "user:u1"
LINKS = [
    Facts(CONTACT, 1, "Contact", T0, owner=ADDRESS, account=ACME, fields=Raw(b'{"Title":"VP"}')),
    Link(ADDRESS, USER, "l", T0, T0),
]


def state(alias: str, account: str, number: int, name: str | None = None) -> AccountState:
    """None: the alias does not belong to it."""
    if name is None:
        return AccountState(alias, account, number)
    return AccountState(alias, account, number, Raw(b'{"name":"%s"}' % name.encode()))


def account_of(rows: Rows, person: str = USER) -> Any:
    profile = rows.rows[person].profile
    assert profile is not None
    assert pack(unpack(pack(profile))) == pack(profile)
    return json.loads(encode(profile_view(profile, Policy(1), as_of=T0))).get("account")


def told(rows: Rows) -> list[tuple[str, str]]:
    said = [one for row in rows.rows.values() for step in row.steps for one in step.announcements]
    return [(str(one.person), json.loads(bytes(one.change))["text"]) for one in said if isinstance(one, Told)]


def line(alias: str, once: str) -> Told:
    return Told(alias, Raw(b'{"text":"%s"}' % once.encode()), once)


def after(*records: Record) -> Rows:
    """What records come to at rows that are linked already."""
    return later(Random(1), records)


def later(random: Random, records: Iterable[Record]) -> Rows:
    return settled(records, random, rows=settled(LINKS, random))


def test_a_contact_s_account_goes_before_that_of_the_domain() -> None:
    by_domain = state(ADDRESS, BRAND, 1, "Brand")
    assert account_of(after(by_domain)) == {"id": BRAND, "name": "Brand"}
    assert account_of(after(by_domain, state(CONTACT, ACME, 1, "Acme"))) == {"id": ACME, "name": "Acme"}


def test_an_account_that_the_contact_does_not_name_any_more_is_none() -> None:
    moved = Facts(CONTACT, 2, "Contact", T0, owner=ADDRESS, account=BRAND, fields=Raw(b"{}"))
    assert account_of(after(state(CONTACT, ACME, 1, "Acme"), moved)) is None


def test_of_two_domains_the_account_counts_whose_id_sorts_first() -> None:
    rows = after(state(ADDRESS, BRAND, 1, "Brand"), state(ADDRESS, ACME, 1, "Acme"))
    assert account_of(rows) == {"id": ACME, "name": "Acme"}


def test_of_two_addresses_of_one_account_the_one_counts_that_heard_of_it_last() -> None:
    other = [Link("email:e2", USER, "l2", T0, T0), state("email:e2", ACME, 3, "Zeta")]
    assert account_of(after(state(ADDRESS, ACME, 2, "Acme"), *other)) == {"id": ACME, "name": "Zeta"}
    assert account_of(after(state(ADDRESS, ACME, 4, "Acme"), *other)) == {"id": ACME, "name": "Acme"}


def test_who_left_an_account_has_none() -> None:
    assert account_of(after(state(ADDRESS, ACME, 1, "Acme"), state(ADDRESS, ACME, 2))) is None


@LAWS
@given(
    st.permutations(
        [
            *LINKS,
            *(state(alias, ACME, number, f"Acme {number}") for alias in (CONTACT, ADDRESS) for number in (1, 2, 3)),
            state(ADDRESS, BRAND, 1, "Brand"),
            state(ADDRESS, BRAND, 2),
        ]
    ),
    st.randoms(),
)
def test_any_order_gives_what_each_account_said_last(records: list[Record], random: Random) -> None:
    assert account_of(settled(records, random)) == {"id": ACME, "name": "Acme 3"}


@LAWS
@given(st.permutations([line(alias, once) for alias in (CONTACT, ADDRESS) for once in "abcd"]), st.randoms())
def test_a_person_with_several_aliases_is_told_once(lines: list[Record], random: Random) -> None:
    assert sorted(told(later(random, lines))) == [(USER, once) for once in "abcd"]


def test_what_is_told_to_one_alias_is_told_each_time() -> None:
    again = Told(CONTACT, Raw(b'{"text":"x"}'))
    assert told(after(again, again)) == [(USER, "x"), (USER, "x")]


def test_a_row_remembers_what_was_told_last_and_no_more() -> None:
    rows = after(*(line(ADDRESS, str(n)) for n in range(TOLD + 1)))
    profile = rows.rows[USER].profile
    assert profile is not None
    assert profile.told == tuple(str(n) for n in range(1, TOLD + 1))


def named(acts: list[str]) -> list[tuple[Any, Any]]:
    """The account of each trigger, and the one that the row had heard of when it decided."""
    row, account, found = Row(FINE, rewritten=True), None, []
    for number, act in enumerate(acts, start=1):
        at, before, known = T0 + 10 * number, len(row.steps), account
        if act == "view":
            row.take(event(USER, number, at))
        elif act == "tick":
            row.tick(at)
        else:
            name = f"Acme {number}" if act == "told" else None
            account = None if name is None else {"id": ACME, "name": name}
            row.take(replace(state(ADDRESS, ACME, number, name), person=USER))
        said = [one for step in row.steps[before:] for one in step.announcements]
        found += [(trigger_message(one)["account"], known) for one in said if isinstance(one, Trigger)]
    return found


@LAWS
@given(st.lists(st.sampled_from(["view", "tick", "told", "left"]), max_size=40))
def test_a_trigger_says_the_account_that_its_row_has_heard_of(acts: list[str]) -> None:
    assert all(said == was for said, was in named(acts))


def test_people_are_asked_before_they_have_an_account_while_they_have_one_and_after() -> None:
    acts = ["view", "tick", "told", "view", "tick", "told", "view", "tick", "left", "view", "tick"]
    names = [said and said["name"] for said, _ in named(acts)]
    assert names == [None, "Acme 3", "Acme 6", None]
