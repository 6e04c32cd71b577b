"""Forgetting somebody, through the real processors: nothing is left, at any pace, wherever the word stands."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from streams.instants import DAY_MS, iso
from tests.agents.processors.account.test_reports_end_to_end import ACME, ANN, BOB, ORG, T0, WEB, played, record
from tests.support.topology import Topology

TRACES = (b"user:u1", b"anon:a1", b"ann@acme.com", b"VP Product", b"sf:" + ANN.encode())
"""What would tell of Ann; the bare id of her record may stay."""
FORGET = {"alias": "user:u1", "id": "c1"}
VIEWS, COMPACTED = "profile-views", ("profile-views", "account-views", "contributions", "salesforce-records")
PERSON, ADDRESS, VISITOR, CONTACT = "user:u1", "email:ann@acme.com", "anon:a1", f"sf:{ANN}"
Seed = pytest.mark.parametrize("seed", range(24))


def after(seed: int, web: list[dict[str, Any]], org: list[dict[str, Any]] = ORG, **kinds: Any) -> Topology:
    """What the processors make of Ann's and Bob's days."""
    return played(seed, org, web, **({"workers": 1 + seed % 2, "crashes": 0.05 * (seed % 3)} | kinds))


def forgotten(
    seed: int, place: int, *, more: tuple[dict[str, Any], ...] = (), org: list[dict[str, Any]] = ORG
) -> Topology:
    """The same, with the word to forget Ann at some place among them."""
    web = [*WEB, *more]
    web.insert(place, FORGET)
    return after(seed, web, org)


def latest(made: Topology, topic: str) -> dict[bytes, bytes | None]:
    return {one.key or b"": one.value for one in made.messages(topic)}


def kept(made: Topology) -> list[tuple[bytes, bytes]]:
    return [row for lane in made.lanes for row in lane.rows.items()]


def traces(made: Topology) -> Iterator[tuple[bytes, bytes, bytes]]:
    """(trace, key, value) of what still tells of Ann in rows, and in what compacted topics end up with."""
    values = [(key, value) for topic in COMPACTED for key, value in latest(made, topic).items() if value is not None]
    for key, value in kept(made) + values:
        yield from ((trace, key, value) for trace in TRACES if trace in key or trace in value)


@Seed
def test_nothing_is_left_of_the_person_wherever_the_word_stands(seed: int) -> None:
    made = forgotten(seed, seed % (len(WEB) + 1))
    assert list(traces(made)) == []
    assert sum(key.startswith(b"@gone/") for key, _ in kept(made)) == 4


def test_without_the_word_every_trace_is_there() -> None:
    """Else the test above would say nothing."""
    assert {trace for trace, _, _ in traces(after(1, WEB))} == set(TRACES)


@Seed
def test_who_has_nothing_to_do_with_it_stays_as_ever(seed: int) -> None:
    made = forgotten(seed, len(WEB))
    bob = json.loads(latest(made, VIEWS)[b"email:bob@acme.com"] or b"")
    assert bob["account"]["id"] == ACME
    assert bob["aliases"] == ["email:bob@acme.com", f"sf:{BOB}"]
    assert json.loads(latest(made, "account-views")[ACME.encode()] or b"")["members"] == [
        "email:bob@acme.com",
        f"sf:{BOB}",
    ]
    assert latest(made, VIEWS)[b"anon:a2"] is not None


@Seed
def test_nothing_brings_the_person_back(seed: int) -> None:
    """A replay of all there was, a visit with the same cookie, a change of the record, another device."""
    again = tuple({**one, "messageId": f"again-{one['messageId']}"} for one in WEB[:4])
    device = {"type": "identify", "userId": "u1", "anonymousId": "a1-phone", "messageId": "m9", "timestamp": iso(T0)}
    changed = record("Contact", ANN, AccountId=ACME, Email="ann@acme.com", Title="VP Product of all")
    made = forgotten(seed, 2, more=(*again, device), org=[*ORG, {**changed, "at": T0 + 4 * DAY_MS}])
    assert list(traces(made)) == []
    assert latest(made, VIEWS)[b"anon:a1-phone"] is None


@Seed
def test_a_visitor_who_belongs_to_somebody_else_is_not_forgotten(seed: int) -> None:
    """The same laptop: an earlier link than Ann's made the visitor Carl's."""
    earlier = {
        "type": "identify", "userId": "carl", "anonymousId": "a1", "messageId": "m0", "timestamp": iso(T0 - DAY_MS),
    }  # fmt: skip
    made = after(seed, [earlier, *WEB, FORGET])
    assert latest(made, VIEWS)[PERSON.encode()] is None
    carl = json.loads(latest(made, VIEWS)[b"user:carl"] or b"")
    assert carl["aliases"] == [VISITOR, "user:carl"]


@Seed
def test_the_document_of_the_record_says_that_it_is_forgotten_and_nothing_else(seed: int) -> None:
    made = forgotten(seed, 0)
    assert json.loads(latest(made, "salesforce-records")[ANN.encode()] or b"") == {
        "object": "Contact",
        "id": ANN,
        "modified_at": None,
        "deleted": False,
        "dirty": False,
        "forgotten": True,
    }
