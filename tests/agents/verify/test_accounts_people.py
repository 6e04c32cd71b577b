"""Of which account a person is, and that nobody hears a thing twice (docs/accounts.md, part 4)."""

import json
from typing import Any

import pytest

from agents.verify import accepted, log
from agents.verify.everybody import Everybody, full_rows
from agents.verify.load import load
from agents.verify.partitioning import partition_of
from agents.verify.progress import Progress
from agents.verify.report import Check
from agents.verify.salesforce import aliases, timeline
from agents.verify.world import USER_EVENTS, USER_TIMELINE, Message, World
from tests.agents.verify.simulate import RULES, T0

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


def link(alias: str, to: str = USER, at: int = T0, **more: Any) -> Record:
    return {"kind": "link", "alias": alias, "to": to, "message_id": "m", "at": at, "received_at": T0, **more}


def split(alias: str, apart: bool = True) -> Record:
    return {"kind": "split", "alias": alias, "apart": apart, "message_id": "s", "at": T0, "received_at": T0}


def forget(alias: str, at: int = T0, **more: Any) -> Record:
    return {"kind": "forget", "alias": alias, "received_at": at, **more}


def told(alias: str, text: str, once: str | None = None, **more: Any) -> Record:
    return {"kind": "told", "alias": alias, "change": {"text": text}, **({"once": once} if once else {}), **more}


def world_of(*records: Record, timeline: list[tuple[str, str]] | None = None) -> World:
    """One partition with these records; `timeline` holds (person, text)."""
    topic = []
    for offset, record in enumerate(records):
        ours = record["kind"] in ("link", "split", "forget", "event")
        source = f"{USER_EVENTS}/0/{record['made_by']}" if "made_by" in record else ""
        source = source or ("web-events/0/0" if ours else "account-events/0/0")
        value = json.dumps({name: one for name, one in record.items() if name != "made_by"}).encode()
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
    log.prepare(con)
    return con


def everybody(*records: Record) -> Everybody:
    return everybody_in(database(world_of(*records)))


def everybody_in(con: Any, partitions: int = 1) -> Everybody:
    """Everybody, all decided."""

    def partition(key: str) -> int:
        return partition_of(key.encode(), partitions)

    said = Progress(dict.fromkeys(range(partitions), T0 + 1000))
    recount = accepted.work_out(con, RULES, said, partition, {}, T0)
    return Everybody(recount, aliases.told(con), said, partition, full_rows(con))


def account_of(person: str, *records: Record) -> dict[str, Any] | None:
    found = everybody(*records).account(person)
    return found and found.document


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
    return [link(MAIL), facts(ANN, "001B", owner=MAIL, modified_at=5), account(MAIL, "001A", 1, "A"), *more]


def test_a_contact_s_account_goes_before_that_of_an_address() -> None:
    assert account_of(USER, *person_of()) == {"id": "001A", "name": "A"}
    said = account(ANN, "001B", 1, "B")
    assert account_of(USER, *person_of(said)) == {"id": "001B", "name": "B"}
    assert account_of(USER, *person_of(said, account(ANN, "001B", 2))) == {"id": "001A", "name": "A"}


def test_what_an_address_was_told_goes_with_it_whatever_came_first() -> None:
    said = [account(MAIL, "001A", 1, "A"), link(MAIL)]
    assert account_of(USER, *said) == account_of(USER, *reversed(said)) == {"id": "001A", "name": "A"}
    assert account_of(USER, *said, split(MAIL)) is None
    assert account_of(MAIL, *said, split(MAIL)) == {"id": "001A", "name": "A"}


def test_of_two_addresses_of_one_account_the_one_counts_that_heard_of_it_last() -> None:
    said = [link(MAIL), link(OTHER), account(MAIL, "001A", 2, "A2"), account(OTHER, "001A", 3, "A0")]
    assert account_of(USER, *said) == account_of(USER, *reversed(said)) == {"id": "001A", "name": "A0"}


def test_a_record_belongs_to_whom_its_latest_facts_name_unless_it_was_split_off() -> None:
    said = [link(MAIL), facts(ANN, None, 2, owner=MAIL), facts(ANN, None, 1, owner=OTHER)]
    assert everybody(*said).aliases(USER) == [MAIL, ANN, USER]
    assert everybody(*said, split(ANN)).aliases(USER) == [MAIL, USER]
    assert everybody(*said, split(ANN), split(ANN, apart=False) | {"at": T0 + 1}).aliases(USER) == [MAIL, ANN, USER]


def test_of_records_that_were_merged_into_each_other_nobody_is_the_person() -> None:
    found = everybody(facts(ANN, None, owner=BO), facts(BO, None, owner=ANN))
    assert (found.person_of(ANN), list(found.people())) == (None, [])


# -- the timeline ----------------------------------------------------------------------------------------------------


def heard(*records: Record, timeline: list[tuple[str, str]]) -> Check:
    con = database(world_of(*records, timeline=timeline))
    return check_timeline(con)


def check_timeline(con: Any) -> Check:
    return timeline.check(con, everybody_in(con))


def test_what_was_told_once_is_published_once_a_row() -> None:
    twice = [told(MAIL, "a", "x/0/1"), told(MAIL, "a", "x/0/1"), told(MAIL, "b"), told(MAIL, "b")]
    assert heard(*twice, timeline=[(MAIL, "a"), (MAIL, "b"), (MAIL, "b")]).differences == 0
    assert heard(*twice, timeline=[(MAIL, "a"), (MAIL, "a"), (MAIL, "b"), (MAIL, "b")]).differences == 1
    assert (
        heard(told(MAIL, "a", "x/0/1"), told(OTHER, "a", "x/0/1"), timeline=[(MAIL, "a"), (OTHER, "a")]).differences
        == 0
    )


def test_a_line_comes_to_whom_the_facts_of_its_record_named_by_then() -> None:
    said = [told(ANN, "a"), facts(ANN, None, owner=MAIL), told(ANN, "b")]
    assert heard(*said, timeline=[(ANN, "a"), (MAIL, "b")]).differences == 0
    assert heard(*said, timeline=[(MAIL, "a"), (MAIL, "b")]).differences
    assert heard(*said, timeline=[(ANN, "a"), (ANN, "b")]).differences
    assert heard(*said, timeline=[(ANN, "a")]).differences == 1
    assert heard(*said, timeline=[(ANN, "a"), (MAIL, "b"), (MAIL, "b")]).differences == 1


@pytest.mark.parametrize("who", [MAIL, USER])
def test_where_a_link_came_in_between_either_may_have_heard_but_only_one(who: str) -> None:
    said = [told(MAIL, "a"), link(MAIL)]
    assert heard(*said, timeline=[(who, "a")]).differences == 0
    assert heard(*said, timeline=[(MAIL, "a"), (USER, "a")]).differences == 1
    assert heard(*said, timeline=[(OTHER, "a")]).differences == 2


def test_what_several_of_a_person_were_told_once_somebody_has_to_hear() -> None:
    said = [link(MAIL), link(OTHER), told(MAIL, "a", "x/0/1"), told(OTHER, "a", "x/0/1")]
    assert heard(*said, timeline=[(USER, "a")]).differences == 0
    assert heard(*said, timeline=[(USER, "a"), (MAIL, "a")]).differences == 0
    assert heard(*said, timeline=[]).differences == 2
    assert heard(*said, timeline=[(USER, "a"), (USER, "a")]).differences == 1


def test_lines_of_one_record_stand_in_their_order() -> None:
    said = [told(ANN, "a"), told(ANN, "b")]
    assert heard(*said, timeline=[(ANN, "a"), (ANN, "b")]).differences == 0
    assert heard(*said, timeline=[(ANN, "b"), (ANN, "a")]).differences == 1


@pytest.mark.parametrize(("between", "clean"), [(3, False), (64, True)])
def test_a_row_remembers_the_latest_sixty_four(between: int, clean: bool) -> None:
    others = [told(MAIL, f"{number}", f"x/0/{number}") for number in range(between)]
    records = [told(MAIL, "a", "y/0/0"), *others, told(MAIL, "a", "y/0/0")]
    said = [(MAIL, "a"), *((MAIL, one["change"]["text"]) for one in others), (MAIL, "a")]
    assert (heard(*records, timeline=said).differences == 0) is clean
