"""Reconciliation: which differences are named, and which are nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.local.org import OrgServer
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.reconcile import Actual, Known, by_object, check_stages, compare

T0 = 1_760_000_000_000
NOW = T0 + 3_600_000


def ours(modified_at: int | None = T0, **flags: bool) -> Known:
    return Known("Contact", "x", modified_at, **flags)


def theirs(modified_at: int = T0, stamped_at: int | None = None, *, deleted: bool = False) -> Actual:
    return Actual(modified_at, stamped_at or modified_at, deleted)


def kinds(known: Known | None, actual: Actual | None) -> list[str]:
    return list(compare({"x": known} if known else {}, {"x": actual} if actual else {}, settled_before=NOW))


@pytest.mark.parametrize(
    ("known", "actual", "expected"),
    [
        (None, theirs(), ["missing"]),
        (None, theirs(deleted=True), []),
        (ours(), None, ["gone"]),
        (ours(None), None, ["gone"]),
        (ours(deleted=True), None, []),
        (ours(), theirs(), []),
        (ours(T0 + 999), theirs(), []),
        (ours(T0 + 1999), theirs(), []),
        (ours(T0 - 1), theirs(), ["stale"]),
        (ours(None), theirs(), ["stale"]),
        (ours(T0 + 60_000), theirs(), ["ahead"]),
        (ours(T0 + 60_000), theirs(T0, T0 + 60_000), []),
        (ours(), theirs(deleted=True), ["deleted"]),
        (ours(deleted=True), theirs(), ["undeleted"]),
        (ours(deleted=True), theirs(deleted=True), []),
        (ours(dirty=True), theirs(), ["dirty"]),
        (ours(None, forgotten=True), theirs(), []),
        (ours(None, forgotten=True), None, []),
        (ours(None, forgotten=True), theirs(deleted=True), []),
    ],
)
def test_differences_have_these_names(known, actual, expected) -> None:
    assert kinds(known, actual) == expected


@pytest.mark.parametrize(
    ("known", "actual"), [(None, theirs(NOW)), (ours(), theirs(NOW)), (ours(NOW), None), (ours(), theirs(T0, NOW))]
)
def test_what_changed_just_now_is_left_to_the_next_one(known, actual) -> None:
    assert kinds(known, actual) == []


records = st.dictionaries(st.text("abc", min_size=1), st.tuples(st.integers(0, NOW - 1), st.booleans()))


@given(records)
def test_what_is_known_as_it_is_never_differs(found: dict[str, tuple[int, bool]]) -> None:
    known = {each: Known("Contact", each, at, deleted) for each, (at, deleted) in found.items()}
    actual = {each: Actual(at, at, deleted) for each, (at, deleted) in found.items()}
    assert compare(known, actual, settled_before=NOW) == {}


@given(records, records)
def test_each_record_has_at_most_one_difference(left, right) -> None:
    known = {each: Known("Contact", each, at, deleted) for each, (at, deleted) in left.items()}
    actual = {each: Actual(at, at, deleted) for each, (at, deleted) in right.items()}
    found = [each for ids in compare(known, actual, settled_before=NOW).values() for each in ids]
    assert len(found) == len(set(found))


def test_a_value_that_is_not_ours_counts_as_unknown() -> None:
    good = json.dumps({"object": "Lead", "id": "l1", "modified_at": T0, "deleted": False, "dirty": True}).encode()
    assert by_object({"l1": good, "l2": b"{", "l3": b"[]"}) == {"Lead": {"l1": Known("Lead", "l1", T0, False, True)}}


async def test_a_stage_that_changes_in_silence_brings_its_opportunities_again(
    salesforce: OrgServer, desk: Desk, shelf
) -> None:
    org = salesforce.org
    org.schema.fields("OpportunityStage")
    won = org.create("Opportunity", Name="a", StageName="Closed Won")
    org.create("Opportunity", Name="b", StageName="Prospecting")
    assert await check_stages(desk) == []
    org.change_stage("Closed Won", won=False, closed=True)
    assert await check_stages(desk) == ["Closed Won"]
    assert [(record.id, record.fields["IsWon"]) for record in shelf.records] == [(won, False)]
    assert await check_stages(desk) == []
