"""Calls to the org in each kind of trouble: repeated where that helps, refused with a clear word where it does not."""

from threading import Event

import pytest
import requests

from agents.local.org import Fault, OrgServer
from agents.sources.salesforce.budget import CallBudget
from agents.sources.salesforce.calls import CarefulSession, Patience, _retry_after
from agents.sources.salesforce.client import Client
from agents.sources.salesforce.errors import AwayError, MalformedError, RefusedError, SpentError, StoppedError
from tests.agents.sources.salesforce.conftest import opened

CONTACTS = "SELECT Id, LastName FROM Contact ORDER BY Id"
T0 = 1_760_000_000_000


def people(salesforce: OrgServer, number: int) -> list[str]:
    return [salesforce.org.create("Contact", LastName=f"n{each}") for each in range(number)]


def test_all_pages_of_a_query_come(salesforce: OrgServer, client: Client) -> None:
    ids = people(salesforce, 7)
    salesforce.interface.page_size = 3
    assert [row["Id"] for row in client.rows(CONTACTS)] == ids


@pytest.mark.parametrize("fault", [Fault.too_many, Fault.unavailable, Fault.limit, Fault.dropped, Fault.slow])
def test_what_passes_is_sat_out(salesforce: OrgServer, client: Client, fault: Fault) -> None:
    ids = people(salesforce, 1)
    client.limits()
    salesforce.fail(fault, times=2, seconds=1.5 if fault is Fault.slow else 0)
    assert [row["Id"] for row in client.rows(CONTACTS)] == ids
    assert salesforce.interface.faults.pending == 0


def test_an_expired_session_is_renewed_for_queries_and_for_bulk(salesforce: OrgServer, client: Client) -> None:
    people(salesforce, 1)
    client.limits()
    salesforce.fail(Fault.expired_session)
    assert client.count("Contact") == 1
    salesforce.fail(Fault.expired_session, path="/jobs")
    assert client.open_job("Contact", CONTACTS)
    assert salesforce.interface.door.sign_ins == ["jwt-bearer"] * 3


def test_retry_after_is_obeyed(salesforce: OrgServer, client: Client, session: CarefulSession) -> None:
    client.limits()
    paused = []
    session._stopped.wait = lambda seconds: paused.append(seconds)
    session._patience = Patience(longest_pause_seconds=60)
    salesforce.fail(Fault.too_many, seconds=7)
    client.limits()
    assert 7 <= paused[0] <= 7.8


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3),
        ("0", 0),
        ("Thu, 01 Jan 2015 00:00:00 GMT", 0),
        ("9" * 30, 86_400),
        *((nonsense, None) for nonsense in ("", "soon", "inf", "nan", "-1")),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_none(text: str, seconds: float | None) -> None:
    answer = requests.Response()
    answer.headers["Retry-After"] = text
    assert _retry_after(answer) == seconds


def test_a_long_retry_after_is_left_to_the_sync(salesforce: OrgServer, client: Client) -> None:
    client.limits()
    salesforce.fail(Fault.unavailable, seconds=120)
    with pytest.raises(AwayError) as raised:
        client.limits()
    assert raised.value.wait_seconds >= 120


def test_what_does_not_pass_ends_after_the_tries(salesforce: OrgServer, client: Client) -> None:
    client.limits()
    salesforce.fail(Fault.unavailable, times=99)
    with pytest.raises(AwayError, match="no good answer in 3 tries, the last was HTTP 503"):
        client.limits()
    assert salesforce.interface.faults.pending == 96


def test_a_limit_that_stays_exceeded_is_left_alone_for_long(salesforce: OrgServer, client: Client) -> None:
    client.limits()
    salesforce.fail(Fault.limit, times=99)
    with pytest.raises(SpentError) as raised:
        client.limits()
    assert raised.value.wait_seconds >= 60


@pytest.mark.parametrize("fault", [Fault.not_json, Fault.malformed])
def test_a_malformed_page_is_refused_and_nothing_of_it_is_used(
    salesforce: OrgServer, client: Client, fault: Fault
) -> None:
    people(salesforce, 5)
    salesforce.interface.page_size = 3
    page = client.page(CONTACTS)
    salesforce.fail(fault)
    with pytest.raises(MalformedError, match="query"):
        client.more(page)
    assert [row["LastName"] for row in client.more(page).rows] == ["n3", "n4"]


def test_an_expired_locator_is_named(salesforce: OrgServer, client: Client) -> None:
    people(salesforce, 5)
    salesforce.interface.page_size = 3
    page = client.page(CONTACTS)
    salesforce.interface.locators.clear()
    with pytest.raises(RefusedError) as raised:
        client.more(page)
    assert raised.value.code == "INVALID_QUERY_LOCATOR"


def test_bulk_rows_have_the_types_of_rest(salesforce: OrgServer, client: Client) -> None:
    deal = salesforce.org.create("Opportunity", Name='a "b", c', StageName="Closed Won", Amount=12.5)
    fields = list(client.describe("Opportunity").kinds)
    soql = f"SELECT {', '.join(fields)} FROM Opportunity"
    job = client.open_job("Opportunity", soql)
    while not client.job_done("Opportunity", job):
        pass
    (bulk,) = client.job_page("Opportunity", job, "").rows
    (rest,) = client.rows(soql)
    assert bulk == rest
    assert (bulk["Id"], bulk["IsWon"], bulk["Amount"], bulk["AccountId"]) == (deal, True, 12.5, None)


def test_a_cut_bulk_result_is_refused(salesforce: OrgServer, client: Client) -> None:
    people(salesforce, 2)
    job = client.open_job("Contact", "SELECT Id, SystemModstamp FROM Contact")
    while not client.job_done("Contact", job):
        pass
    salesforce.fail(Fault.malformed, path="/results")
    with pytest.raises(MalformedError, match="Bulk result of Contact"):
        client.job_page("Contact", job, "")
    assert len(client.job_page("Contact", job, "").rows) == 2


def test_an_unknown_field_is_refused_with_salesforces_code(client: Client) -> None:
    with pytest.raises(RefusedError) as raised:
        client.page("SELECT Shoe FROM Contact")
    assert raised.value.code == "INVALID_FIELD"
    assert "Shoe" in str(raised.value)


def test_a_query_that_no_address_holds_is_refused_with_what_to_do(client: Client) -> None:
    with pytest.raises(RefusedError, match="TOUCHLINE_SALESFORCE_LEAVE_OUT"):
        client.page(f"SELECT {','.join(['Id'] * 4000)} FROM Contact")


def test_fields_left_out_and_compound_ones_are_not_read(session: CarefulSession, org_settings) -> None:
    client = Client(org_settings(salesforce_leave_out="Contact.Email,Lead.Title"), session)
    kinds = client.describe("Contact").kinds
    assert "Email" not in kinds
    assert "MailingAddress" not in kinds
    assert {"Title", "MailingCity"} <= kinds.keys()


def test_the_time_is_the_orgs(salesforce: OrgServer, client: Client) -> None:
    salesforce.org.set_clock(T0)
    client.limits()
    assert abs(client.now_ms() - T0) < 2000


def test_every_call_is_counted_sign_in_included(salesforce: OrgServer, org_settings) -> None:
    for session in opened(org_settings(), CallBudget(3)):
        client = Client(org_settings(), session)
        client.limits()
        client.limits()
        with pytest.raises(SpentError, match="TOUCHLINE_SALESFORCE_CALLS_A_DAY"):
            client.limits()
    assert len(salesforce.interface.calls) == 2


def test_a_stop_ends_a_pause(salesforce: OrgServer, client: Client, session: CarefulSession) -> None:
    client.limits()
    session._stopped = Event()
    session._stopped.set()
    salesforce.fail(Fault.unavailable)
    with pytest.raises(StoppedError):
        client.limits()


def test_updates_name_only_what_failed(salesforce: OrgServer, client: Client) -> None:
    (contact,) = people(salesforce, 1)
    wrong = "003000000000000AAA"
    failed = client.update("Contact", [{"id": contact, "Title": "VP"}, {"id": wrong, "Title": "VP"}])
    assert failed == {wrong: "ENTITY_IS_DELETED"}
    assert salesforce.org.get(contact)["Title"] == "VP"
