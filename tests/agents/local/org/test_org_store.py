"""The simulated org: what its rows and its change events look like after each kind of change."""

import pytest

from agents.local.org import NoRecordError, Org
from agents.local.org.ids import is_id, with_checksum

T0 = 1_760_000_000_000
DAY = 86_400_000


@pytest.fixture
def org() -> Org:
    found = Org()
    found.set_clock(T0)
    return found


def headers(org: Org) -> list[tuple[str, str, int]]:
    found = [message["payload"]["ChangeEventHeader"] for message in org.changes]
    return [(header["entityName"], header["changeType"], header["sequenceNumber"]) for header in found]


def last(org: Org) -> dict:
    return org.changes[-1]["payload"]


def test_an_id_has_18_characters_the_last_three_of_which_are_a_checksum() -> None:
    assert with_checksum("001ZM000001QkdO") == "001ZM000001QkdOYAS"
    assert is_id("001ZM000001QkdOYAS")
    assert not is_id("001ZM000001QkdOYAA")


def test_records_have_ids_by_which_their_object_is_known(org: Org) -> None:
    contact, lead = org.create("Contact", LastName="Ng"), org.create("Lead", LastName="Ng", Company="A")
    assert is_id(contact)
    assert is_id(lead)
    assert (contact[:3], lead[:3], org.entity_of(lead)) == ("003", "00Q", "Lead")


def test_a_create_event_has_all_that_is_not_empty_and_names_no_changed_field(org: Org) -> None:
    org.create("Contact", LastName="Ng", FirstName="Ada", MailingCity="Paris")
    body = last(org)
    assert body["ChangeEventHeader"]["changedFields"] == []
    assert body["Name"] == {"FirstName": "Ada", "LastName": "Ng"}
    assert body["MailingAddress"] == {"City": "Paris"}
    assert "Title" not in body


def test_an_update_event_has_the_changed_fields_only_and_null_where_one_was_cleared(org: Org) -> None:
    contact = org.create("Contact", LastName="Ng", Title="VP")
    org.set_clock(T0 + 5000)
    org.update(contact, Title=None, LastName="Li")
    body = last(org)
    assert body["ChangeEventHeader"]["changedFields"] == ["Title", "Name.LastName", "LastModifiedDate"]
    assert body["Title"] is None
    assert body["LastModifiedDate"] == "2025-10-09T08:53:25.000Z"
    assert org.get(contact)["Name"] == "Li"


def test_what_is_so_already_changes_nothing(org: Org) -> None:
    contact = org.create("Contact", LastName="Ng")
    before = len(org.changes)
    org.update(contact, LastName="Ng")
    assert len(org.changes) == before


def test_a_merge_is_a_delete_and_an_update_without_any_link_and_children_move_in_silence(org: Org) -> None:
    winner, loser = org.create("Contact", LastName="Ng"), org.create("Contact", LastName="Ng")
    task = org.create("Task", WhoId=loser)
    before = len(org.changes)
    org.merge(winner, loser, Title="VP")
    assert headers(org)[before:] == [("Contact", "DELETE", 1), ("Contact", "UPDATE", 2)]
    assert winner not in str(org.changes[before])
    assert loser not in str(org.changes[before + 1])
    assert org.get(task)["WhoId"] == winner
    assert org.get(loser, deleted=True)["MasterRecordId"] == winner


def test_a_conversion_is_four_events_of_one_transaction_and_the_lead_comes_last(org: Org) -> None:
    lead = org.create("Lead", LastName="Ng", Company="Acme", Email="a@acme.example")
    before = len(org.changes)
    made = org.convert(lead, opportunity="Acme, 20 seats", Amount=5000)
    said = org.changes[before:]
    assert headers(org)[before:] == [
        ("Account", "CREATE", 1),
        ("Contact", "CREATE", 2),
        ("Opportunity", "CREATE", 3),
        ("Lead", "UPDATE", 4),
    ]
    assert len({message["payload"]["ChangeEventHeader"]["transactionKey"] for message in said}) == 1
    assert last(org)["ConvertedContactId"] == made["ConvertedContactId"]
    assert last(org)["ConvertedDate"] == T0 // DAY * DAY
    assert org.get(lead)["ConvertedOpportunityId"] == made["ConvertedOpportunityId"]


def test_deleted_rows_stay_for_15_days_and_can_be_taken_back(org: Org) -> None:
    contact = org.create("Contact", LastName="Ng")
    org.delete(contact)
    assert org.rows("Contact") == []
    assert [row["IsDeleted"] for row in org.rows("Contact", deleted=True)] == [True]
    org.undelete(contact)
    assert headers(org)[-2:] == [("Contact", "DELETE", 1), ("Contact", "UNDELETE", 1)]
    org.delete(contact)
    org.set_clock(T0 + 16 * DAY)
    assert org.rows("Contact", deleted=True) == []


def test_a_hard_delete_and_a_changed_stage_say_nothing(org: Org) -> None:
    contact = org.create("Contact", LastName="Ng")
    deal = org.create("Opportunity", Name="x", StageName="Closed Won")
    before, stamp = len(org.changes), org.get(deal)["SystemModstamp"]
    org.hard_delete(contact)
    org.set_clock(T0 + 1000)
    org.change_stage("Closed Won", won=False, closed=True)
    assert len(org.changes) == before
    assert not org.get(deal)["IsWon"]
    assert org.get(deal)["SystemModstamp"] == stamp
    with pytest.raises(NoRecordError):
        org.get(contact, deleted=True)


def test_an_overflow_can_be_said(org: Org) -> None:
    org.say_gap("GAP_OVERFLOW", "Contact", ["000000000000000AAA"])
    assert headers(org)[-1] == ("Contact", "GAP_OVERFLOW", 1)


def test_of_a_lost_change_an_event_says_only_that_there_was_one(org: Org) -> None:
    contact = org.create("Contact", LastName="Ng", Title="VP")
    org.set_clock(T0 + 5000)
    org.update(contact, lost=True, Title="CTO")
    assert headers(org)[-1] == ("Contact", "GAP_UPDATE", 1)
    assert last(org).keys() == {"ChangeEventHeader"}
    assert org.get(contact)["Title"] == "CTO"
    assert org.get(contact)["SystemModstamp"] == "2025-10-09T08:53:25.000+0000"


def test_a_lead_may_be_converted_into_an_account_that_is_there(org: Org) -> None:
    account = org.create("Account", Name="Acme")
    made = org.convert(org.create("Lead", LastName="Ng", Company="Acme"), account=account)
    assert made["ConvertedAccountId"] == account
    assert org.get(str(made["ConvertedContactId"]))["AccountId"] == account
    assert len(org.rows("Account")) == 1


def test_a_stopped_clock_can_go_again(org: Org) -> None:
    assert org.now() == T0
    org.start_clock()
    assert org.now() > T0


def test_no_two_records_have_the_same_id(org: Org) -> None:
    for entity in org.schema.objects:
        org.create(entity, Name="x")
    ids = [row["Id"] for entity in org.schema.objects for row in org.rows(entity)]
    assert len(set(ids)) == len(ids) > 9
