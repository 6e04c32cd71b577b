"""Of which account a person is, and that nobody hears a thing twice (docs/accounts.md, part 4)."""

import json
from typing import Any

import pytest

from agents.verify import forgetting, log, ties
from agents.verify.accounts.people import accounts, accounts_then, final
from agents.verify.load import load
from agents.verify.report import Check
from agents.verify.salesforce.people import check_timeline, held
from agents.verify.world import USER_EVENTS, USER_TIMELINE, Message, World
from tests.agents.verify.simulate import T0

ANN, BO = "sf:003000000000001AAA", "sf:003000000000002AAA"
MAIL, OTHER, USER = "email:ann@acme.com", "email:ann@beta.com", "user:u1"
Record = dict[str, Any]


def account(alias: str, account: str, number: int, name: str | None = None, **more: Any) -> Record:
    state = {} if name is None else {"state": {"name": name}}
    return {"kind": "account", "alias": alias, "account": account, "number": number, **state, **more}


def facts(alias: str, account: str | None, version: int = 1, **more: Any) -> Record:
    record = {
        "kind": "facts",
        "alias": alias,
        "object": "Contact",
        "version": version,
        "modified_at": 1,
        "fields": {"A": 1},
    }
    return record | ({"account": account} if account else {}) | more


def link(alias: str, to: str = USER) -> Record:
    return {"kind": "link", "alias": alias, "to": to, "message_id": "m", "at": T0}


def part(alias: str, *path: int, source: int, person: str = USER) -> Record:
    """`source`: offset of the record that packed it."""
    return {"kind": "part", "alias": alias, "person": person, "path": list(path), "part": "x", "source": source}


def told(alias: str, text: str, once: str | None = None, **more: Any) -> Record:
    return {"kind": "told", "alias": alias, "change": {"text": text}, **({"once": once} if once else {}), **more}


def world_of(*records: Record, timeline: list[tuple[str, str]] | None = None) -> World:
    """One partition with these records; `timeline` holds (person, text)."""
    topic = []
    for offset, record in enumerate(records):
        source = f"{USER_EVENTS}/0/{record['source']}" if "source" in record else "account-events/0/0"
        value = json.dumps({name: one for name, one in record.items() if name != "source"}).encode()
        key = record["alias" if record["kind"] == "forget" or "person" not in record else "person"].encode()
        topic.append(Message(0, offset, T0, key, value, (("source", source.encode()),)))
    heard = [
        Message(0, offset, T0, who.encode(), json.dumps({"person": who, "user_id": _user(who), "text": text}).encode())
        for offset, (who, text) in enumerate(timeline or [])
    ]
    return World(1, {USER_EVENTS: topic, USER_TIMELINE: heard}, {(USER_EVENTS, 0): len(topic)})


def _user(person: str) -> str | None:
    return person.removeprefix("user:") if person.startswith("user:") else None


def database(world: World) -> Any:
    con = load(world)
    log.prepare(con, 1)
    forgetting.prepare(con)
    ties.prepare(con)
    return con


def account_of(person: str, *records: Record) -> Any:
    con = database(world_of(*records))
    return accounts(final(con), held(con)).get((0, person))


def test_an_address_is_of_the_account_of_which_it_heard_last() -> None:
    assert account_of(MAIL, account(MAIL, "001B", 1, "B")) == {"id": "001B", "name": "B"}
    assert account_of(MAIL, account(MAIL, "001B", 2, "B2"), account(MAIL, "001B", 1, "B1")) == {
        "id": "001B",
        "name": "B2",
    }
    assert account_of(MAIL, account(MAIL, "001B", 1, "B"), account(MAIL, "001B", 2)) is None


def test_of_several_accounts_of_addresses_that_which_sorts_first_counts() -> None:
    said = [account(MAIL, "001B", 9, "B"), account(MAIL, "001A", 1, "A"), account(MAIL, "000", 2)]
    assert account_of(MAIL, *said) == {"id": "001A", "name": "A"}


def test_a_contact_is_of_the_account_that_its_facts_name() -> None:
    said = [account(ANN, "001A", 1, "A"), account(ANN, "001B", 1, "B")]
    assert account_of(ANN, facts(ANN, "001B"), *said) == {"id": "001B", "name": "B"}
    assert account_of(ANN, facts(ANN, "001C"), *said) is None
    assert account_of(ANN, facts(ANN, None), *said) is None
    assert account_of(ANN, *said) is None


def person_of(*more: Record) -> list[Record]:
    """A user with a contact and an address, each of another account."""
    return [
        link(MAIL),
        part(MAIL, 1, source=0),
        facts(ANN, "001B", owner=MAIL, modified_at=5),
        part(ANN, 1, source=2, person=MAIL),
        part(ANN, 1, 1, source=3),
        account(MAIL, "001A", 1, "A"),
        account(MAIL, "001A", 1, "A", person=USER, source=5),
        *more,
    ]


def test_a_contact_s_account_goes_before_that_of_an_address() -> None:
    assert account_of(USER, *person_of()) == {"id": "001A", "name": "A"}
    forwarded = account(ANN, "001B", 1, "B", person=USER)
    assert account_of(USER, *person_of(forwarded)) == {"id": "001B", "name": "B"}
    assert account_of(USER, *person_of(forwarded, account(ANN, "001B", 2, person=USER))) == {"id": "001A", "name": "A"}


def test_what_a_part_knew_of_accounts_goes_along_with_it() -> None:
    said = [account(MAIL, "001A", 1, "A"), link(MAIL), part(MAIL, 1, source=1)]
    assert account_of(USER, *said) == {"id": "001A", "name": "A"}
    again = [*said, account(MAIL, "001A", 2, "A2", person=USER)]
    assert account_of(USER, *again) == {"id": "001A", "name": "A2"}
    detach = {"kind": "detach", "alias": MAIL, "person": USER, "path": [2]}
    assert account_of(USER, *again, detach) is None


def test_what_is_forwarded_before_its_part_makes_one() -> None:
    assert account_of(USER, account(MAIL, "001A", 1, "A", person=USER)) == {"id": "001A", "name": "A"}


def test_forwarded_states_are_demanded_once() -> None:
    said = [link(MAIL), part(MAIL, 1, source=0), account(MAIL, "001A", 1, "A")]
    forwarded = account(MAIL, "001A", 1, "A", person=USER, source=2) | {"passed": 1}
    for more, clean in (
        ([], False),
        ([forwarded], True),
        ([forwarded] * 2, False),
        ([forwarded | {"number": 2}], False),
        ([forwarded | {"state": {"name": "B"}}], False),
    ):
        assert (ties.check(database(world_of(*said, *more))).differences == 0) is clean, more


def heard(*records: Record, timeline: list[tuple[str, str]]) -> Check:
    return check_timeline(database(world_of(*records, timeline=timeline)))


def test_what_was_told_once_is_published_once_a_row() -> None:
    twice = [told(MAIL, "a", "x/0/1"), told(MAIL, "a", "x/0/1"), told(MAIL, "b"), told(MAIL, "b")]
    assert heard(*twice, timeline=[(MAIL, "a"), (MAIL, "b"), (MAIL, "b")]).differences == 0
    assert heard(*twice, timeline=[(MAIL, "a"), (MAIL, "a"), (MAIL, "b"), (MAIL, "b")]).differences == 1
    assert (
        heard(told(MAIL, "a", "x/0/1"), told(OTHER, "a", "x/0/1"), timeline=[(MAIL, "a"), (OTHER, "a")]).differences
        == 0
    )


@pytest.mark.parametrize(("between", "times"), [(63, 1), (64, 2)])
def test_a_row_remembers_the_latest_sixty_four(between: int, times: int) -> None:
    others = [told(MAIL, f"{number}", f"x/0/{number}") for number in range(between)]
    records = [told(MAIL, "a", "y/0/0"), *others, told(MAIL, "a", "y/0/0")]
    said = [(MAIL, "a"), *((MAIL, one["change"]["text"]) for one in others), *[(MAIL, "a")] * (times - 1)]
    assert heard(*records, timeline=said).differences == 0


def test_the_account_of_a_moment_is_what_the_parts_said_right_after_its_record() -> None:
    detach = {"kind": "detach", "alias": MAIL, "person": USER, "path": [2]}
    con = database(
        world_of(
            account(MAIL, "001A", 1, "A"),
            link(MAIL),
            part(MAIL, 1, source=1),
            account(MAIL, "001A", 2, "A2"),
            account(MAIL, "001A", 2, "A2", person=USER, source=3),
            facts(ANN, "001B", person=USER),
            account(ANN, "001B", 1, "B", person=USER),
            facts(ANN, "001C", version=2, person=USER),
            detach,
        )
    )
    found = accounts_then(con, [((0, USER), o) for o in range(9)])
    assert [one and one["name"] for one in found] == [None, None, "A", "A", "A2", "A2", "B", "A2", None]


def test_of_two_addresses_of_one_account_the_one_counts_that_heard_of_it_last() -> None:
    said = [account(MAIL, "001A", 2, "A2", person=USER), account(OTHER, "001A", 3, "A0", person=USER)]
    assert account_of(USER, *said) == account_of(USER, *reversed(said)) == {"id": "001A", "name": "A0"}
