"""The org over HTTPS: what the real simple-salesforce gets from it, and how it fails when told to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError, SalesforceMalformedRequest, SalesforceRefusedRequest

from agents.local.org import Fault, OrgServer


def client(salesforce: OrgServer) -> Salesforce:
    """Signed in without the sign-in, which simple-salesforce sends to salesforce.com only."""
    session = requests.Session()
    session.verify, session.trust_env = str(salesforce.ca_file), False
    salesforce.interface.door.tokens.add("t")
    return Salesforce(instance_url=salesforce.url, session_id="t", session=session)


def people(salesforce: OrgServer, number: int) -> list[str]:
    return [salesforce.org.create("Contact", LastName=f"n{each}") for each in range(number)]


def test_queries_come_in_pages(salesforce: OrgServer) -> None:
    ids = people(salesforce, 25)
    salesforce.interface.page_size = 10
    found = client(salesforce).query_all("SELECT Id, LastName FROM Contact ORDER BY Id")
    assert [row["Id"] for row in found["records"]] == ids
    assert sum("query" in call for call in salesforce.interface.calls) == 3


def test_deleted_rows_are_in_query_all_only(salesforce: OrgServer) -> None:
    ids = people(salesforce, 2)
    salesforce.org.delete(ids[0])
    sf = client(salesforce)
    assert sf.query("SELECT COUNT() FROM Contact")["totalSize"] == 1
    assert sf.query("SELECT COUNT() FROM Contact", include_deleted=True)["totalSize"] == 2


def test_updated_and_deleted_answer_for_a_window(salesforce: OrgServer) -> None:
    ids = people(salesforce, 2)
    salesforce.org.delete(ids[0])
    sf, now = client(salesforce), datetime.now(UTC)
    window = (now - timedelta(minutes=5), now + timedelta(minutes=2))
    assert sf.Contact.updated(*window)["ids"] == ids[1:]
    assert [each["id"] for each in sf.Contact.deleted(*window)["deletedRecords"]] == ids[:1]


def test_bulk_query_gives_csv_behind_locators(salesforce: OrgServer) -> None:
    people(salesforce, 5)
    pages = list(client(salesforce).bulk2.Contact.query("SELECT Id, LastName FROM Contact", max_records=2, wait=0))
    assert [page.splitlines()[0] for page in pages] == ['"Id","LastName"'] * 3
    assert sum(len(page.splitlines()) - 1 for page in pages) == 5


def test_bulk_update_says_which_rows_failed(salesforce: OrgServer) -> None:
    ids = people(salesforce, 2)
    salesforce.org.delete(ids[1])
    sf = client(salesforce)
    rows = [{"Id": each, "Title": "VP"} for each in ids]
    (done,) = sf.bulk2.Contact.update(records=rows, wait=0)
    assert salesforce.org.get(ids[0])["Title"] == "VP"
    assert ids[1] in sf.bulk2.Contact.get_failed_records(done["job_id"])


def test_collections_update_each_record_by_itself(salesforce: OrgServer) -> None:
    (contact,) = people(salesforce, 1)
    rows = [{"attributes": {"type": "Contact"}, "id": each, "Title": "VP"} for each in (contact, "003000000000000AAA")]
    body = {"allOrNone": False, "records": rows}
    done: Any = client(salesforce).restful("composite/sobjects", method="PATCH", json=body)
    assert [each["success"] for each in done] == [True, False]
    assert salesforce.org.get(contact)["Title"] == "VP"


def test_describe_names_fields_and_what_an_object_can_do(salesforce: OrgServer) -> None:
    described = client(salesforce).Lead.describe()
    assert described["replicateable"]
    assert {"Id", "MasterRecordId", "Email"} <= {field["name"] for field in described["fields"]}


def test_an_unknown_field_is_refused(salesforce: OrgServer) -> None:
    with pytest.raises(SalesforceMalformedRequest):
        client(salesforce).query("SELECT Shoe FROM Contact")


def test_the_number_of_calls_is_told_and_bounded(salesforce: OrgServer) -> None:
    salesforce.interface.calls_allowed = 2
    sf = client(salesforce)
    sf.query("SELECT Id FROM Contact")
    assert sf.api_usage["api-usage"] == (1, 2)
    sf.query("SELECT Id FROM Contact")
    with pytest.raises(SalesforceRefusedRequest, match="REQUEST_LIMIT_EXCEEDED"):
        sf.query("SELECT Id FROM Contact")


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Fault.too_many, SalesforceError),
        (Fault.unavailable, SalesforceError),
        (Fault.limit, SalesforceRefusedRequest),
        (Fault.expired_session, SalesforceError),
        (Fault.expired_locator, SalesforceMalformedRequest),
        (Fault.dropped, requests.RequestException),
        (Fault.not_json, ValueError),
    ],
)
def test_a_call_fails_as_ordered_and_only_so_often(salesforce: OrgServer, fault: Fault, raised: type) -> None:
    sf = client(salesforce)
    salesforce.fail(fault)
    with pytest.raises(raised):
        sf.query("SELECT Id FROM Contact")
    salesforce.interface.door.tokens.add("t")
    assert sf.query("SELECT Id FROM Contact")["done"]


def test_an_answer_can_be_late(salesforce: OrgServer) -> None:
    salesforce.fail(Fault.slow, seconds=0.3)
    assert (
        client(salesforce).session.get(salesforce.url + "/services/data/v59.0/limits/").elapsed.total_seconds() >= 0.3
    )


def test_nobody_comes_in_without_a_token(salesforce: OrgServer) -> None:
    url = salesforce.url + "/services/data/v59.0/limits/"
    assert requests.get(url, verify=str(salesforce.ca_file), timeout=10).status_code == 401
