"""What brought people, as reports need it: the same whatever the order, the links, and what is sealed meanwhile."""

import dataclasses
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from streams.account.messages import Touches
from streams.activity import HOUR_MS, Part, Touch
from streams.attribution import Dimension, Measure, Model, cell_of, from_conversions, from_sessions
from streams.attribution.conversions import Conversion, Kind
from streams.contributions import person_contribution
from streams.events import AccountState, Facts, Link, PartMoved, Record, Split, UserEvent
from streams.identifiers import order_key
from streams.instants import DAY_MS
from streams.personas.maps import NO_MAPS
from streams.policy import Policy, Web
from streams.profile import Attached, advance, due, pack, pack_moved, unpack
from streams.profile.journey import listed, touches_of
from streams.profile.state import Profile
from streams.sessions import Sealed
from tests.streams.test_profile_properties import FINE, LAWS, SOURCES, SPRING, SUMMER, T0, Row, Rows, event, settled

POLICY = Policy(1, web=Web())
ACME = "001000000000001AAA"
USER, ADDRESS, VISITOR, CONTACT = "user:u1", "email:e1", "anon:a1", "sf:003c1"
LINKS: list[Record] = [
    Link(VISITOR, ADDRESS, "l1", T0, T0),
    Link(ADDRESS, USER, "l2", T0, T0),
    Facts(CONTACT, 1, "Contact", T0, owner=ADDRESS, account=ACME, fields=Raw(b'{"Title":"VP"}')),
    AccountState(CONTACT, ACME, 1, Raw(b'{"name":"Acme"}')),
]


def visits(aliases: tuple[str, ...], most: int, unit_ms: int) -> st.SearchStrategy[list[UserEvent]]:
    one = st.builds(
        lambda alias, number, at, source, sign_up: event(
            alias, number, T0 + at * unit_ms, "Signed Up" if sign_up else "$page", visit=True, source=source
        ),
        st.sampled_from(aliases),
        st.integers(0, 999),
        st.integers(0, most),
        SOURCES,
        st.integers(0, 9).map(lambda n: n == 0),
    )
    return st.lists(one, max_size=25, unique_by=lambda one: (one.alias, one.message_id))


def anytime(records: list[Record], random: Random) -> list[Record]:
    """Have each record received within some hours, though never before it happened."""
    return [
        replace(one, received_at=max(one.at, T0 + random.choice((0, 1, 30, 59, 60, HOUR_MS))))
        if isinstance(one, UserEvent | Link | Split)
        else one
        for one in records
    ]


def plain(events: list[UserEvent], web: Web) -> tuple[list[Touch | None], list[int]]:
    """Sessions by their touch, and sign-ups, from a sorted list."""
    sessions: list[Touch | None] = []
    last = began = -DAY_MS * 365
    campaign = None
    ordered = sorted(events, key=lambda one: (one.at, order_key(one.message_id)))
    for one in ordered:
        named = one.source.campaign if one.source is not None else None
        if (
            one.at - last >= web.idle_ms
            or one.at - began >= web.longest_ms
            or (named is not None and named != campaign)
        ):
            began, campaign = one.at, named
            sessions.append(Touch(one.at, order_key(one.message_id), one.source) if one.source is not None else None)
        last = one.at
    return sessions, [one.at for one in ordered if one.name == "Signed Up"]


def expected(events: list[UserEvent], policy: Policy) -> dict[object, int]:
    sessions, sign_ups = plain(events, policy.web)
    cells = from_sessions(touch.source if touch is not None else None for touch in sessions)
    known = [touch for touch in sessions if touch is not None]
    return cells | from_conversions(known, [Conversion(Kind.sign_up, at) for at in sign_ups[:1]])


def by_touches(profile: Profile, policy: Policy) -> dict[object, int]:
    cells = {cell_of(field): n for field, n in person_contribution(profile, policy).items()}
    return {cell: n for cell, n in cells.items() if cell.measure not in ("people", "arr")}


@LAWS
@given(visits((USER, ADDRESS, VISITOR), 60, 1), st.randoms())
def test_linked_aliases_contribute_what_one_alias_would(events: list[UserEvent], random: Random) -> None:
    rows = settled(anytime([*events, *LINKS], random), random)
    person = rows.rows[USER].profile
    assert person is not None
    assert by_touches(person, FINE) == expected(events, FINE)
    for alias in (ADDRESS, VISITOR, CONTACT):
        row = rows.rows[alias].profile
        assert row is None or person_contribution(row, FINE) == {}


@LAWS
@given(visits((USER, ADDRESS, VISITOR), 60, 1), st.randoms())
def test_the_account_was_told_last_what_brought_the_person(events: list[UserEvent], random: Random) -> None:
    rows = settled(anytime([*events, *LINKS], random), random)
    person = rows.rows[USER].profile
    assert person is not None
    last = latest_told(rows)
    assert last[USER].touches == tuple(touches_of(person, FINE))
    assert last[USER].touches == tuple(touch for touch in plain(events, FINE.web)[0] if touch is not None)
    assert all(said.touches == () for alias, said in last.items() if alias != USER)


def latest_told(rows: Rows) -> dict[str, Touches]:
    said = [one for row in rows.rows.values() for step in row.steps for one in step.for_accounts]
    found: dict[str, Touches] = {}
    for one in said:
        assert isinstance(one, Touches)
        if one.person not in found or found[one.person].number < one.number:
            found[one.person] = one
    return found


@LAWS
@given(visits((USER,), 250 * 144, 600_000), st.sets(st.integers(0, 250)))
def test_what_is_sealed_stays_counted(events: list[UserEvent], others: set[int]) -> None:
    """Nothing comes late; parts that come make the row seal what is old at once."""
    row = Row(POLICY, rewritten=True)
    moved = [_empty_part(T0 + day * DAY_MS) for day in others]
    for one in sorted([*events, *moved], key=lambda one: (one.received_at, order_key(getattr(one, "message_id", "")))):
        row.take(one)
    if row.profile is not None:
        assert by_touches(row.profile, POLICY) == expected(events, POLICY)
        recent = row.profile.sealed.to - POLICY.attribution.lookback.other_ms
        wanted = [touch for touch in plain(events, POLICY.web)[0] if touch is not None and touch.at > recent]
        assert [touch for touch in touches_of(row.profile, POLICY) if touch.at > recent] == wanted


def _empty_part(received_at: int) -> PartMoved:
    return PartMoved(VISITOR, USER, (received_at,), pack_moved(Attached(Part(VISITOR), Sealed())), received_at)


@LAWS
@given(visits((USER, ADDRESS, VISITOR), 60, DAY_MS // 3), st.randoms())
def test_sessions_that_are_kept_listed_are_those_of_the_visits(events: list[UserEvent], random: Random) -> None:
    """Whatever comes, in whichever order: links, late visits, copies."""
    again = random.choices(events, k=5) if events else []
    records: list[Record] = [*events, *LINKS, *(replace(one, at=one.at + DAY_MS // 2) for one in again)]
    delayed = [
        replace(one, received_at=one.at + random.choice((0, 0, 1, DAY_MS, 20 * DAY_MS, 40 * DAY_MS)))
        if isinstance(one, UserEvent | Link)
        else one
        for one in records
    ]
    rows = Rows(random, rewritten=False)
    for _ in rows.play(delayed):
        for profile in (row.profile for row in rows.rows.values() if row.profile is not None):
            assert listed(profile, FINE) == listed(unpack(pack(profile)), FINE)


def test_a_late_sign_up_counts_wherever_it_comes() -> None:
    for alias, person in ((USER, None), (VISITOR, USER)):
        row = Row(POLICY)
        row.take(event(alias, 1, T0, "Signed Up", person=person, delay=60 * DAY_MS))
        assert row.profile is not None
        cells = [cell_of(field) for field in person_contribution(row.profile, POLICY)]
        assert Measure.sign_ups in {cell.measure for cell in cells}


def test_the_touches_on_the_path_to_a_sign_up_are_kept_for_good() -> None:
    row = Row(POLICY)
    first = event(USER, 1, T0, "$page", visit=True, source=SPRING)
    row.take(first)
    row.take(event(USER, 2, T0 + DAY_MS, "Signed Up"))
    for day in range(2, 400, 7):
        row.take(event(USER, day + 10, T0 + day * DAY_MS + 1, "$page", visit=True, source=SUMMER))
    assert row.profile is not None
    cells = [cell_of(field) for field in person_contribution(row.profile, POLICY)]
    found = {c.value for c in cells if (c.dimension, c.model, c.measure) == PATH}
    assert found == {"spring"}
    assert len(row.profile.kept.touches) < 20


PATH = (Dimension.campaign, Model.first, Measure.sign_ups)


@LAWS
@given(visits((USER, ADDRESS, VISITOR), 60, 1), st.randoms())
def test_who_is_split_off_takes_the_sessions_along(events: list[UserEvent], random: Random) -> None:
    split = Split(VISITOR, apart=True, message_id="s", at=T0, received_at=T0)
    rows = settled(anytime([*events, *LINKS, split], random), random)
    for person, aliases in ((USER, (USER, ADDRESS)), (VISITOR, (VISITOR,))):
        own = [one for one in events if one.alias in aliases]
        row = rows.rows[person].profile
        assert row is not None
        assert by_touches(row, FINE) == expected(own, FINE)
    assert latest_told(rows)[USER].touches == tuple(
        touch for touch in plain([one for one in events if one.alias != VISITOR], FINE.web)[0] if touch is not None
    )


def test_sessions_that_are_sealed_come_and_go_with_their_part() -> None:
    old, new = (event(VISITOR, n, at, "$page", visit=True, source=SPRING) for n, at in ((1, T0), (2, T0 + 50 * DAY_MS)))
    now = T0 + 60 * DAY_MS
    rows = settled([old, new, event(USER, 1, now), Link(VISITOR, USER, "l", T0, now)], Random(1))
    visitor, user = rows.rows[VISITOR], rows.rows[USER]
    assert user.profile is not None
    assert by_touches(user.profile, FINE) == expected([old, new], FINE)
    assert user.profile.attached[VISITOR].kept.sessions != {}
    settled([Split(VISITOR, apart=True, message_id="s", at=T0, received_at=now + 1)], Random(1), rows=rows)
    assert visitor.profile is not None
    assert by_touches(visitor.profile, FINE) == expected([old, new], FINE)
    assert by_touches(user.profile, FINE) == {}


def test_an_account_is_told_since_when_the_list_is_whole() -> None:
    row = Row(POLICY)
    for one in (event(USER, 1, T0, "$page", visit=True, source=SPRING), *LINKS[2:]):
        row.take(one if isinstance(one, UserEvent) else replace(one, alias=ADDRESS, person=USER))
    row.take(event(USER, 2, T0 + 200 * DAY_MS, "$page", visit=True, source=SUMMER))
    said = [one for step in row.steps for one in step.for_accounts]
    assert [(one.number, one.since) for one in said if isinstance(one, Touches)] == [(1, 0), (2, T0 + 80 * DAY_MS)]


@pytest.mark.parametrize("alias", [USER, ADDRESS])
def test_other_persona_maps_wake_every_row_once(alias: str) -> None:
    row = Row(POLICY, rewritten=True)
    row.take(event(alias, 1, T0))
    assert row.profile is not None
    other = dataclasses.replace(POLICY, personas=replace(NO_MAPS, version=2))
    assert due(pack(row.profile), POLICY) > 0
    assert due(pack(row.profile), other) == 0
    woken = advance(row.profile, T0, other, since=0)
    assert woken.journey
    assert due(pack(woken.profile), other) > 0
    assert not advance(woken.profile, T0 + 1, other, since=0).journey


def test_a_forwarded_copy_is_no_session_of_its_own() -> None:
    one = event(VISITOR, 1, T0, "$page", visit=True)
    rows = settled([*LINKS, one, replace(one)], Random(1))
    person = rows.rows[USER].profile
    assert person is not None
    assert by_touches(person, FINE) == expected([one], FINE)
