from hashlib import sha256
from typing import Any

import pytest

from streams.salesforce.change import Change
from streams.salesforce.record import REMEMBERED, WAITING, WAITING_BYTES, Folded, Record, fold, pack, unpack

CONTACT = "003000000000001AAA"
SECOND = 1_000
T0 = 1_760_011_200_000


def change(kind: str, at: int, sequence: int = 1, transaction: str | None = None, **values: Any) -> Change:
    named = f"t{at}" if transaction is None else transaction
    return Change("Contact", CONTACT, kind, at, named, sequence, values)  # type: ignore[arg-type]


def snapshot(at: int, *, deleted: bool = False, read: int = 0, **values: Any) -> Change:
    return Change("Contact", CONTACT, "snapshot", at, "", read, values, deleted=deleted)


def diff(at: int, before: str, after: str, **values: Any) -> Change:
    """A change of a text of one line."""
    text = f"--- \n+++ {sha256(after.encode()).hexdigest()}\n@@ -1,1 +1,1 @@\n-{before}\n+{after}"
    return Change("Contact", CONTACT, "update", at, f"t{at}", 1, values, {"Description": text})


def folded(*changes: Change) -> Folded:
    """What became of the last of them."""
    found = Folded(Record("Contact", CONTACT))
    prior = None
    for one in changes:
        found = fold(prior, one)
        prior = unpack(pack(found.record))
        assert prior == found.record
    return found


def row(*changes: Change) -> Record:
    return folded(*changes).record


CREATED = change("create", T0, Title="Director", Fax="1")


def test_a_created_record_has_its_fields() -> None:
    found = folded(CREATED)
    assert found.record.values == {"Title": "Director", "Fax": "1"}
    assert found.differences == {"Fax": (None, "1"), "Title": (None, "Director")}
    assert (found.record.deleted, found.refetch, found.duplicate) == (False, None, False)


def test_an_update_sets_what_it_names_and_nothing_else() -> None:
    found = folded(CREATED, change("update", T0 + 1, Title="VP", Fax=None))
    assert found.record.values == {"Title": "VP", "Fax": None}
    assert found.differences == {"Fax": ("1", None), "Title": ("Director", "VP")}


def test_a_repeated_change_is_known_and_changes_nothing() -> None:
    update = change("update", T0 + 1, Title="VP")
    found = folded(CREATED, update, update)
    assert (found.duplicate, found.differences, found.record) == (True, {}, row(CREATED, update))


def test_an_older_change_sets_only_what_no_later_one_has() -> None:
    found = folded(CREATED, change("update", T0 + 2, Title="VP"), change("update", T0 + 1, Title="Chief", Fax="2"))
    assert found.record.values == {"Title": "VP", "Fax": "2"}
    assert found.differences == {"Fax": ("1", "2")}


def test_a_deleted_record_keeps_its_fields_and_somebody_should_look_for_a_merge() -> None:
    found = folded(CREATED, change("delete", T0 + 1))
    assert (found.record.deleted, found.record.values) == (True, {"Title": "Director", "Fax": "1"})
    assert (found.differences, found.refetch) == ({"IsDeleted": (False, True)}, "deleted")


def test_a_merge_is_told_by_a_snapshot_of_the_deleted_record() -> None:
    deleted = change("delete", T0 + 1)
    found = folded(CREATED, deleted, snapshot(T0 + 1, deleted=True, MasterRecordId="003000000000002AAA"))
    assert found.differences == {"MasterRecordId": (None, "003000000000002AAA")}
    assert (found.record.deleted, found.refetch) == (True, None)


def test_a_record_comes_back_and_an_update_does_not_bring_it_back() -> None:
    deleted = change("delete", T0 + 1)
    assert row(CREATED, deleted, change("update", T0 + 2, Fax="2")).deleted
    found = folded(CREATED, deleted, change("undelete", T0 + 2, Title="Director"))
    assert (found.record.deleted, found.differences) == (False, {"IsDeleted": (True, False)})


def test_of_a_record_never_seen_an_update_tells_only_a_part() -> None:
    assert folded(change("update", T0, Title="VP")).refetch == "partial"
    assert folded(change("update", T0, Title="VP"), change("update", T0 + 1, Title="CEO")).refetch is None


def test_a_snapshot_is_older_than_changes_of_its_instant() -> None:
    update = change("update", T0 + 1, Title="VP")
    assert row(update, snapshot(T0 + 1, Title="Director", Fax="1")).values == {"Title": "VP", "Fax": "1"}


def test_of_two_snapshots_of_one_instant_the_later_read_wins() -> None:
    early, late = snapshot(T0, read=1, Sum__c=10), snapshot(T0, read=2, Sum__c=9)
    assert row(early, late).values == row(late, early).values == {"Sum__c": 9}


def test_the_row_remembers_the_latest_changes_only() -> None:
    updates = [change("update", T0 + at, Title=str(at)) for at in range(REMEMBERED + 10)]
    found = row(*updates)
    assert len(found.seen) == REMEMBERED
    assert found.seen == row(*reversed(updates)).seen
    again = fold(found, updates[0])
    assert (again.duplicate, again.record, again.differences) == (False, found, {})


def test_after_a_gap_nothing_visible_changes_until_the_refetch() -> None:
    gap, update = change("gap", T0 + SECOND), change("update", T0 + 2 * SECOND, Title="VP")
    assert folded(CREATED, gap).refetch == "gap"
    waits = folded(CREATED, gap, update)
    assert (waits.differences, waits.record.values, waits.refetch) == ({}, {"Title": "Director", "Fax": "1"}, None)
    found = folded(CREATED, gap, update, snapshot(T0 + SECOND, Title="Chief", Fax="2"))
    assert found.differences == {"Fax": ("1", "2"), "Title": ("Director", "VP")}
    assert (found.record.dirty_since, found.record.waiting, found.refetch) == (None, (), None)


def test_an_older_snapshot_does_not_close_the_gap() -> None:
    gap = change("gap", T0 + 1_900)
    waits = folded(CREATED, gap, snapshot(T0 + 999, Title="Chief"))
    assert (waits.record.dirty_since, waits.differences) == (T0 + 1_900, {})
    closes = folded(CREATED, gap, snapshot(T0 + 999, Title="Chief"), snapshot(T0 + 1_000, Fax="2"))
    assert (closes.record.dirty_since, closes.record.values) == (None, {"Title": "Chief", "Fax": "2"})


def test_a_snapshot_that_closes_a_gap_goes_before_what_was_set_in_its_second() -> None:
    update, gap = change("update", T0 + 200, Title="VP"), change("gap", T0 + 500)
    assert row(update, gap, snapshot(T0, Title="Chief")).values == {"Title": "Chief"}


def test_a_second_gap_needs_a_later_snapshot() -> None:
    gaps = change("gap", T0 + SECOND), change("gap", T0 + 5 * SECOND)
    assert folded(*gaps).refetch == "gap"
    assert row(*gaps, snapshot(T0 + SECOND, Title="VP")).dirty_since == T0 + 5 * SECOND
    assert folded(*reversed(gaps)).refetch is None
    assert row(*reversed(gaps)).dirty_since == T0 + 5 * SECOND


def test_a_gap_that_a_snapshot_has_already_closed_is_none() -> None:
    gap = change("gap", T0 + SECOND)
    assert folded(snapshot(T0 + SECOND, Title="VP"), gap).record.dirty_since is None
    assert folded(snapshot(T0, Title="VP"), gap).refetch == "gap"
    assert folded(gap, snapshot(T0 + SECOND, Title="VP"), gap).duplicate


def test_a_delete_that_waited_asks_for_the_merge() -> None:
    gap, deleted = change("gap", T0 + 1), change("delete", T0 + SECOND)
    assert folded(CREATED, gap, deleted, snapshot(T0, Title="VP")).refetch == "deleted"
    assert folded(CREATED, gap, deleted, snapshot(T0 + 2 * SECOND, deleted=True)).refetch is None


def test_what_does_not_fit_into_the_row_is_left_to_a_later_refetch() -> None:
    gap = change("gap", T0)
    updates = [change("update", T0 + at, Title=str(at)) for at in range(1, WAITING + 2)]
    found = folded(gap, *updates)
    assert (len(found.record.waiting), found.record.dirty_since, found.refetch) == (WAITING, T0 + WAITING + 1, "gap")
    assert row(gap, *updates, snapshot(T0 + SECOND, Title="last")).values == {"Title": "last"}


def test_the_bytes_that_wait_are_bounded_too() -> None:
    large = change("update", T0 + 1, Description="x" * WAITING_BYTES)
    found = folded(change("gap", T0), large)
    assert (found.record.waiting, found.record.dirty_since, found.refetch) == ((), T0 + 1, "gap")


def test_a_diff_is_applied_to_the_text_that_it_is_for() -> None:
    found = folded(change("create", T0, Description="old"), diff(T0 + 1, "old", "new", Title="VP"))
    assert found.record.values == {"Description": "new", "Title": "VP"}
    assert found.refetch is None


def test_a_diff_of_another_text_waits_for_the_refetch() -> None:
    created, update = change("create", T0, Description="unknown"), diff(T0 + SECOND, "old", "new", Title="VP")
    waits = folded(created, update)
    assert (waits.refetch, waits.record.dirty_since, waits.differences) == ("diff", T0 + SECOND, {})
    found = folded(created, update, snapshot(T0 + SECOND, Description="new"))
    assert found.record.values == {"Description": "new", "Title": "VP"}
    assert (found.record.dirty_since, found.refetch) == (None, None)


def test_a_diff_that_a_refetch_without_the_field_cannot_explain_is_not_asked_for_again() -> None:
    found = folded(diff(T0, "old", "new", Title="VP"), snapshot(T0, Fax="1"))
    assert (found.record.values, found.refetch) == ({"Title": "VP", "Fax": "1"}, None)


def test_a_diff_of_a_text_that_was_replaced_since_is_of_no_interest() -> None:
    found = folded(change("create", T0 + SECOND, Description="newest"), diff(T0, "old", "new", Title="VP"))
    assert (found.record.values, found.refetch) == ({"Description": "newest", "Title": "VP"}, None)


def test_a_diff_that_waited_and_does_not_fit_opens_the_gap_again() -> None:
    found = folded(change("gap", T0), diff(T0 + 5 * SECOND, "old", "new"), snapshot(T0, Description="other"))
    assert (found.refetch, found.record.dirty_since) == ("diff", T0 + 5 * SECOND)


def test_diffs_that_waited_are_applied_in_the_order_in_which_they_were_made() -> None:
    first, second = diff(T0 + SECOND, "one", "two"), diff(T0 + 2 * SECOND, "two", "three")
    found = folded(change("gap", T0), second, first, snapshot(T0, Description="one"))
    assert (found.record.values, found.refetch) == ({"Description": "three"}, None)


def test_a_diff_that_waited_and_is_older_than_the_refetch_is_of_no_interest() -> None:
    found = folded(change("gap", T0), diff(T0 + SECOND, "old", "new"), snapshot(T0 + 5 * SECOND, Description="newest"))
    assert (found.record.values, found.refetch) == ({"Description": "newest"}, None)


def test_a_change_of_a_whole_object_has_no_row() -> None:
    with pytest.raises(ValueError, match="all of Contact"):
        fold(None, Change("Contact", "", "overflow", T0))
