"""Reconciliation: which differences are named, which are nothing, and what was left out and why."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.local.org import Fault, OrgServer
from agents.sources.salesforce.cursors import Cursor
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.errors import RefusedError
from agents.sources.salesforce.reconcile import Actual, Compared, Known, by_object, check_stages, compare, reconcile
from agents.sources.salesforce.report import REASONS, Report, table
from agents.sources.salesforce.sync import Sync

PAGE = (Path(__file__).parents[4] / "docs" / "salesforce-sync.md").read_text()
T0 = 1_760_000_000_000
NOW = T0 + 3_600_000


def ours(modified_at: int | None = T0, **flags: bool) -> Known:
    return Known("Contact", "x", modified_at, **flags)


def theirs(modified_at: int = T0, stamped_at: int | None = None, *, deleted: bool = False) -> Actual:
    return Actual(modified_at, stamped_at or modified_at, deleted)


def kinds(known: Known | None, actual: Actual | None) -> list[str]:
    return list(compared(known, actual).drift)


def compared(known: Known | None, actual: Actual | None) -> Compared:
    return compare({"x": known} if known else {}, {"x": actual} if actual else {}, settled_before=NOW)


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


@pytest.mark.parametrize(
    ("known", "actual", "reason"),
    [
        (ours(), theirs(NOW), "changed_lately"),
        (None, theirs(T0, NOW), "changed_lately"),
        (ours(deleted=True), theirs(NOW), "changed_lately"),
        (ours(), theirs(NOW, deleted=True), "deleted_lately"),
        (ours(NOW), None, "heard_of_lately"),
        (ours(None, forgotten=True), theirs(), "forgotten"),
        (ours(None, forgotten=True), theirs(NOW), "forgotten"),
    ],
)
def test_what_is_left_out_has_a_reason(known, actual, reason) -> None:
    assert compared(known, actual) == Compared({}, 0, {reason: 1})
    assert reason in REASONS


@pytest.mark.parametrize(
    ("known", "actual"),
    [
        (None, theirs(NOW, deleted=True)),
        (ours(NOW, deleted=True), None),
        (ours(NOW, deleted=True), theirs(NOW, deleted=True)),
        (ours(None, forgotten=True), None),
        (ours(None, forgotten=True), theirs(NOW, deleted=True)),
    ],
)
def test_what_lives_on_neither_side_is_neither_compared_nor_left_out(known, actual) -> None:
    assert compared(known, actual) == Compared({}, 0, {})


states = st.tuples(st.integers(T0, NOW + 600_000), st.booleans())
ids = st.text("abc", min_size=1, max_size=2)


@given(st.dictionaries(ids, st.tuples(states, st.booleans(), st.booleans())), st.dictionaries(ids, states))
def test_each_record_that_lives_on_a_side_is_compared_or_left_out(left, right) -> None:
    known = {
        each: Known("Contact", each, at, deleted, dirty, forgotten)
        for each, ((at, deleted), dirty, forgotten) in left.items()
    }
    actual = {each: Actual(at, at, deleted) for each, (at, deleted) in right.items()}
    drift, number, left_out = compare(known, actual, settled_before=NOW)
    ours_live = {each for each, record in known.items() if not record.deleted and not record.forgotten}
    theirs_live = {each for each, record in actual.items() if not record.deleted}
    assert number + sum(left_out.values()) == len(ours_live | theirs_live)
    assert sum(map(len, drift.values())) <= number


records = st.dictionaries(st.text("abc", min_size=1), st.tuples(st.integers(0, NOW - 1), st.booleans()))


@given(records)
def test_what_is_known_as_it_is_never_differs(found: dict[str, tuple[int, bool]]) -> None:
    known = {each: Known("Contact", each, at, deleted) for each, (at, deleted) in found.items()}
    actual = {each: Actual(at, at, deleted) for each, (at, deleted) in found.items()}
    living = sum(not deleted for _, deleted in found.values())
    assert compare(known, actual, settled_before=NOW) == Compared({}, living, {})


@given(records, records)
def test_each_record_has_at_most_one_difference(left, right) -> None:
    known = {each: Known("Contact", each, at, deleted) for each, (at, deleted) in left.items()}
    actual = {each: Actual(at, at, deleted) for each, (at, deleted) in right.items()}
    found = [each for ids in compare(known, actual, settled_before=NOW).drift.values() for each in ids]
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


def printed(*reports: Report) -> list[list[str]]:
    """The lines under the head, in words."""
    return [line.split() for line in list(table(reports))[1:]]


def test_the_table_says_what_was_compared_and_what_was_left_out_and_why() -> None:
    left_out = {"changed_lately": 1003, "forgotten": 1}
    report = Report("Contact", 1203, 1204, 1200, left_out, {"missing": 1, "stale": 2})
    numbers, why = printed(report)
    assert numbers == ["Contact", "1,204", "1,203", "1,200", "1,004", "1", "missing,", "2", "stale"]
    assert " ".join(why) == (
        "left out: 1,003 changed in the last 10 minutes, may still be on the way;"
        " 1 of people who are forgotten, nothing is kept of them"
    )


def test_no_drift_is_said_only_where_something_was_compared() -> None:
    assert printed(Report("Lead", known=2, actual=2, compared=2))[0][-1] == "none"
    for report in (
        Report("Lead", known=2, actual=2, left_out={"changed_lately": 2}),
        Report("Lead"),
        Report("Lead", actual=None, refused="describe Lead: refused"),
    ):
        assert printed(report)[0][-2:] == ["nothing", "compared"]
        assert report.as_dict()["drift"] is None
        assert "nothing compared" in report.line
        assert "none" not in report.line
        assert "no drift" not in report.line


def test_an_object_without_records_says_so() -> None:
    assert [" ".join(line) for line in printed(Report("Lead"))] == [
        "Lead 0 0 0 0 nothing compared",
        "there are no records on either side",
    ]


def test_an_object_that_could_not_be_counted_has_no_numbers() -> None:
    numbers, why = printed(Report("Lead", actual=None, refused="describe Lead: refused"))
    assert numbers == ["Lead", "?", "0", "0", "?", "nothing", "compared"]
    assert why[:2] == ["not", "readable:"]


def test_the_page_shows_a_table_as_it_is_printed() -> None:
    contacts = Report("Contact", 1201, 1204, 1200, {"changed_lately": 3, "forgotten": 1}, {"missing": 1, "stale": 2})
    leads = Report("Lead", known=2, actual=2, left_out={"changed_lately": 2})
    assert "\n" + "\n".join(table([contacts, leads])) + "\n```" in PAGE


def test_every_reason_is_on_the_page() -> None:
    rows = PAGE[PAGE.index("| left out, in `--json` |") :].partition("\n\n")[0]
    first_cells = "".join(line.split("|")[1] for line in rows.splitlines()[2:])
    assert set(re.findall(r"`([a-z_]+)`", first_cells)) == REASONS.keys()


def test_every_row_of_the_table_fits_80_columns() -> None:
    wide = Report("OpportunityContactRole", 10**7, 10**7, 10**7, {"changed_lately": 10**6}, {"missing": 9})
    assert max(len(line) for line in list(table([wide]))[:2]) <= 80


@pytest.fixture
def known_records(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What lies on `salesforce-records`."""
    records: dict[str, bytes] = {}

    async def read(*_: Any) -> dict[str, bytes]:
        return records

    monkeypatch.setattr("agents.sources.salesforce.reconcile.latest", read)
    return records


def is_known(records: dict[str, bytes], entity: str, record: str, at: int) -> None:
    records[record] = json.dumps({"object": entity, "id": record, "modified_at": at, "deleted": False}).encode()


async def at(instant: int, salesforce: OrgServer, desk: Desk) -> None:
    """Stop the org's clock, and let the client hear what it says."""
    salesforce.org.set_clock(instant)
    await desk.ask(desk.client.limits)


async def test_where_all_was_changed_just_now_nothing_is_compared_and_the_metric_stays(
    salesforce: OrgServer, desk: Desk, known_records: dict[str, bytes]
) -> None:
    await at(T0, salesforce, desk)
    for name in ("Ng", "Li"):
        is_known(known_records, "Contact", salesforce.org.create("Contact", LastName=name), T0)
    desk.cursors["Contact"] = Cursor(complete=True)
    desk.metrics.drift.labels("Contact", "stale").set(3)
    (report,) = await reconcile(desk, ["Contact"])
    assert (report.known, report.actual, report.compared) == (2, 2, 0)
    assert report.left_out == {"changed_lately": 2}
    assert report.as_dict()["drift"] is None
    assert desk.metrics.registry.get_sample_value(
        "touchline_salesforce_drift_records", {"object": "Contact", "kind": "stale"}
    ) == 3  # fmt: skip
    await at(NOW, salesforce, desk)
    (report,) = await reconcile(desk, ["Contact"])
    assert (report.compared, report.left_out, report.as_dict()["drift"]) == (2, {}, {})
    assert desk.metrics.registry.get_sample_value(
        "touchline_salesforce_drift_records", {"object": "Contact", "kind": "stale"}
    ) == 0  # fmt: skip


async def test_who_is_forgotten_is_not_known_and_left_out(
    salesforce: OrgServer, desk: Desk, known_records: dict[str, bytes]
) -> None:
    await at(T0, salesforce, desk)
    contact = salesforce.org.create("Contact", LastName="Ng")
    forgotten = {"object": "Contact", "id": contact, "modified_at": None, "deleted": False, "forgotten": True}
    known_records[contact] = json.dumps(forgotten).encode()
    desk.cursors["Contact"] = Cursor(complete=True)
    await at(NOW, salesforce, desk)
    (report,) = await reconcile(desk, ["Contact"])
    assert (report.known, report.actual, report.compared, report.left_out) == (0, 1, 0, {"forgotten": 1})


async def test_before_the_backfill_and_before_any_worker_all_records_are_left_out(
    salesforce: OrgServer, desk: Desk, known_records: dict[str, bytes]
) -> None:
    salesforce.org.create("Contact", LastName="Ng")
    salesforce.org.create("Lead", LastName="Li", Company="Acme")
    desk.cursors["Contact"] = Cursor(complete=True)
    contact, lead = await reconcile(desk, ["Contact", "Lead"])
    assert (contact.actual, contact.left_out) == (1, {"no_worker": 1})
    assert (lead.actual, lead.left_out) == (1, {"no_backfill": 1})


async def test_an_object_that_cannot_be_read_is_told_and_the_others_are_compared(
    salesforce: OrgServer, desk: Desk, known_records: dict[str, bytes]
) -> None:
    await at(T0, salesforce, desk)
    is_known(known_records, "Contact", salesforce.org.create("Contact", LastName="Ng"), T0)
    await at(NOW, salesforce, desk)
    desk.cursors |= dict.fromkeys(("Nothing", "Contact", "Opportunity"), Cursor(complete=True))
    desk.client.describe("Contact")
    salesforce.fail(Fault.malformed, path="/describe")
    nothing, contact, opportunity = await reconcile(desk, ["Nothing", "Contact", "Opportunity"])
    assert (contact.compared, contact.refused) == (1, "")
    assert nothing.actual is None
    assert nothing.why.startswith("not readable: describe Nothing: ")
    assert opportunity.refused == ""


async def test_stages_that_cannot_be_read_hide_no_report(
    salesforce: OrgServer, desk: Desk, known_records: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(desk: Desk) -> Any:
        raise RefusedError("query: Salesforce refuses it: INVALID_TYPE", code="INVALID_TYPE")

    monkeypatch.setattr("agents.sources.salesforce.reconcile._stages", refused)
    desk.cursors["Opportunity"] = Cursor(complete=True)
    opportunity, stages = await reconcile(desk, ["Opportunity"])
    assert opportunity.refused == ""
    assert stages.object == "OpportunityStage"
    assert "INVALID_TYPE" in stages.why


async def test_a_round_names_what_reconciliation_could_not_read_and_looks_there_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, org_settings: Callable[..., Any], said: list[str]
) -> None:
    async def half(desk: Desk, objects: list[str]) -> list[Report]:
        return [
            Report("Contact", known=2, actual=2, left_out={"changed_lately": 2}),
            Report("Lead", actual=None, refused="query: refused"),
        ]

    monkeypatch.setattr("agents.sources.salesforce.sync.reconcile", half)
    desk.settings = org_settings(salesforce_objects="Contact,Lead", salesforce_reconcile_seconds=1)
    desk.cursors |= dict.fromkeys(("Contact", "Lead"), Cursor(complete=True))
    assert await Sync(desk, None).reconciled() == ["Lead: nothing compared; not readable: query: refused"]
    assert desk.cursor("Contact").compared_at > 0
    assert desk.cursor("Lead").compared_at == 0
    assert said == [
        "Contact: nothing compared; left out: 2 changed in the last 10 minutes, may still be on the way",
        "Lead: nothing compared; not readable: query: refused",
    ]
