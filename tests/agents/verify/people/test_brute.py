"""The fold against the definition, in small worlds."""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.verify.people import EVER, Era, Event, Forget, Input, Link, Recount, Split, recount
from agents.verify.rules import Rules, parse
from tests.agents.verify.people import brute
from tests.agents.verify.people.given import DAY, HOUR, MINUTE, T0

USERS, ADDRESSES, VISITORS = ("user:u1", "user:u2"), ("email:a@x.example", "email:b@x.example"), ("anon:a1", "anon:a2")
SOURCES = (None, {"channel": "Direct"}, {"channel": "Email", "campaign": "c1"}, {"channel": "Paid", "campaign": "c2"})


def segment(name: str, how: str, *conditions: tuple[str, int, str]) -> dict:
    return {
        "name": name,
        "rule": {how: [{"count": {"event": e, "at_least": n, "within": w}} for e, n, w in conditions]},
    }


RULES = parse(
    {
        "version": 3,
        "segments": [
            segment("some", "all", ("E", 2, "7d")),
            segment("both", "all", ("E", 1, "30d"), ("F", 1, "3d")),
            segment("either", "any", ("E", 3, "30d"), ("F", 2, "1d")),
        ],
        "asks": [
            {"name": "a", "segment": "some", "channel": "in-app", "cooldown": "2d"},
            {"name": "b", "segment": "some", "channel": "email", "cooldown": "0s"},
            {"name": "c", "segment": "either", "channel": "csm", "cooldown": "9d"},
        ],
    }
)

instants = st.builds(
    lambda day, more: T0 + day * DAY + more, st.integers(0, 45), st.sampled_from([0, 0, 0, 1, MINUTE, HOUR])
)
ages = st.sampled_from([0, 0, 0, 1, 20 * MINUTE, HOUR, DAY, 6 * DAY, 7 * DAY, 20 * DAY, 29 * DAY, 30 * DAY, 35 * DAY])
ids = st.sampled_from(["m1", "m2", "m3", "m4", "m5", "m6", "m7"])
anybody = st.sampled_from([*USERS, *ADDRESSES, *VISITORS])


@st.composite
def events(draw: st.DrawFn) -> Event:
    r, visit, email = draw(instants), draw(st.booleans()), draw(st.sampled_from([None, None, "e1", "e2"]))
    name = draw(st.sampled_from(["E", "E", "E", "F", "F", ""]))
    alias = draw(st.sampled_from([*USERS, *VISITORS, *VISITORS]))
    source = draw(st.sampled_from(SOURCES)) if visit else None
    bot = draw(st.sampled_from([False] * 9 + [True]))
    return Event(alias, draw(ids), r - draw(ages), r, name, visit, source, email, None, bot)


@st.composite
def links(draw: st.DrawFn) -> Link:
    r = draw(instants)
    alias, to = draw(
        st.one_of(
            st.tuples(st.sampled_from(VISITORS), st.sampled_from([*USERS, *ADDRESSES])),
            st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(USERS)),
        )
    )
    return Link(alias, to, draw(ids), r - draw(ages), r)


splits = st.builds(lambda alias, apart, id, r: Split(alias, apart, id, r, r), anybody, st.booleans(), ids, instants)
forgets = st.builds(Forget, anybody, instants)
few = st.one_of(events(), events(), events(), events(), links(), links(), splits)
worlds = st.builds(lambda most, words: most + words, st.lists(few, max_size=16), st.lists(forgets, max_size=1))
UNTIL = T0 + 60 * DAY
MANY = settings(
    max_examples=int(os.environ.get("BRUTE_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@MANY
@given(worlds)
def test_every_stay_is_that_of_the_definition(inputs: list[Input]) -> None:
    world, found = brute.World(inputs, RULES, UNTIL), recount(inputs, RULES, UNTIL)
    for user in USERS:
        for one in RULES.segments:
            assert told(found, user, one.name) == list(world.stays(user, one.name))


CHANGED = parse(
    {
        "version": 4,
        "segments": [segment("some", "any", ("E", 1, "3d"), ("F", 2, "30d")), segment("both", "all", ("E", 1, "30d"))],
    }
)


@MANY
@given(worlds, instants, st.sampled_from([EVER, T0, T0 + 9 * DAY]), st.booleans())
def test_so_it_is_where_the_rules_change(inputs: list[Input], since: int, first: int, back: bool) -> None:
    versions = [(first, RULES), (max(since, first), CHANGED)]
    if back:
        versions = [(first, CHANGED), (max(since, first), RULES)]
    world = brute.World(inputs, versions[-1][1], UNTIL, versions)
    found = recount(inputs, versions[-1][1], UNTIL, eras=lambda _: [Era(rules, at) for at, rules in versions])
    for user in USERS:
        for name in ("some", "both", "either"):
            assert told(found, user, name) == list(world.stays(user, name))


def told(found: Recount, user: str, name: str) -> list[tuple[int, int, int | None]]:
    stays: list[tuple[int, int, int | None]] = []
    for one in found.people[user].changes if user in found.people else []:
        if one.segment == name and one.entered:
            stays.append((one.at, one.announced_at, None))
        elif one.segment == name:
            assert one.entered_at == stays[-1][0]
            assert one.at == one.announced_at
            stays[-1] = (*stays[-1][:2], one.at)
    return stays


@MANY
@given(worlds)
def test_every_ask_and_withdrawal_follows_from_the_stays(inputs: list[Input]) -> None:
    world, found = brute.World(inputs, RULES, UNTIL), recount(inputs, RULES, UNTIL)
    for user in USERS:
        one = found.people.get(user)
        decided, withdrawn = asked(world, user, RULES)
        assert sorted((d.ask, d.decided_at, d.entered_at, d.verdict) for d in (one.decisions if one else [])) == decided
        assert sorted((w.ask, w.entered_at, w.at, w.reason) for w in (one.withdrawals if one else [])) == withdrawn


def asked(world: brute.World, user: str, rules: Rules) -> tuple[list, list]:
    decided, withdrawn = [], []
    for ask in rules.asks:
        last: tuple[int, int] | None = None
        taken: int | None = None
        for entered, announced, left in world.stays(user, ask.segment):
            verdict = "asked"
            if ask.channel == "email" and world.email(user, announced) is None:
                verdict = "address"
            elif last is not None and announced - last[1] < ask.cooldown_ms:
                verdict = "cooldown"
            decided.append((ask.name, announced, entered, verdict))
            if verdict == "asked":
                last, taken = (entered, announced), None
            why = None if left is None or world.gone.get(user) == left else world.taken(user, left)
            if why and last and last[0] == entered:
                withdrawn.append((ask.name, entered, left, why))
                taken = left
        if last and taken is None and user in world.gone:
            withdrawn.append((ask.name, last[0], world.gone[user], "forgotten"))
    return sorted(decided), sorted(withdrawn)


@MANY
@given(worlds)
def test_who_belongs_to_whom_is_what_the_links_say(inputs: list[Input]) -> None:
    world, found = brute.World(inputs, RULES, UNTIL), recount(inputs, RULES, UNTIL)
    assert found.gone == world.gone
    alive = world.aliases - world.gone.keys()
    assert found.owner == {one: owner for one in alive if (owner := world.owner(one, UNTIL)) is not None}
    for person, one in found.people.items():
        if one.forgotten_at is None:
            assert set(one.aliases) == world.parts(person, UNTIL)
            assert one.portrait.email == world.email(person, UNTIL)


visits = st.builds(
    lambda alias, id, r, age, source: Event(alias, f"{id}.{alias}", r - age, r, "$page", True, source),
    st.sampled_from([*USERS, *VISITORS, *VISITORS]), ids, instants, ages, st.sampled_from(SOURCES),
)  # fmt: skip


@MANY
@given(st.lists(st.one_of(visits, visits, links(), links(), splits), max_size=16))
def test_sealing_shows_where_rows_seal_one_record_after_the_other(inputs: list[Input]) -> None:
    """Of the touches that somebody had the latest, and all sessions; first touches by the way."""
    found, rows = recount(inputs, RULES, UNTIL), brute.Rows(brute.World(inputs, RULES, UNTIL))
    for person, one in found.people.items():
        wanted = rows.sessions(person)
        assert sorted((s.at, s.key) for s in one.sessions) == sorted((v.at, v.key) for v in wanted)
        touches = [(v.at, v.key) for v in wanted if v.source]
        shown = one.portrait.last_touch
        assert (shown and (shown.at, shown.key)) == max(touches, default=None)
        firsts = [
            (v.at, v.key) for v in inputs
            if isinstance(v, Event) and v.alias in one.aliases and v.source
        ]  # fmt: skip
        first = one.portrait.first_touch
        assert (first and (first.at, first.key)) == min(firsts, default=None)
