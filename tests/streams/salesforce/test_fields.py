from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.salesforce.fields import canonical, flat, part_name, rest_values


@pytest.mark.parametrize(
    ("compound", "part", "name"),
    [
        ("Name", "FirstName", "FirstName"),
        ("BillingAddress", "Street", "BillingStreet"),
        ("MailingAddress", "Xyz", "MailingXyz"),
        ("PersonMailingAddress", "City", "PersonMailingCity"),
        ("Address", "CountryCode", "CountryCode"),
        ("Place__c", "Latitude", "Place__Latitude__s"),
        ("ns__Home__c", "Street", "ns__Home__Street__s"),
        ("Other", "Part", "Other.Part"),
    ],
)
def test_a_part_of_a_compound_has_the_name_that_rest_gives_it(compound: str, part: str, name: str) -> None:
    assert part_name(compound, part) == name


def test_an_address_that_is_null_is_null_in_all_its_parts() -> None:
    found = dict(flat("BillingAddress", None))
    assert found["BillingStreet"] is None
    assert {"BillingStateCode", "BillingGeocodeAccuracy"} < found.keys()
    assert dict(flat("Fax", None)) == {"Fax": None}


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("LastModifiedDate", 1714172795000, "2024-04-26T23:06:35.000Z"),
        ("LastModifiedDate", "2024-04-26T23:06:35.000+0000", "2024-04-26T23:06:35.000Z"),
        ("LastModifiedDate", "2024-04-26T23:06:35Z", "2024-04-26T23:06:35.000Z"),
        ("LastModifiedDate", "2024-04-26T23:06:35", "2024-04-26T23:06:35.000Z"),
        ("Seen__c", "2024-04-27T01:06:35.1239+02:00", "2024-04-26T23:06:35.123Z"),
        ("SystemModstamp", 1714172795000.0, "2024-04-26T23:06:35.000Z"),
        ("CloseDate", 1714172795000, "2024-04-26"),
        ("CloseDate", "2024-04-26", "2024-04-26"),
        ("ConvertedDate", "2024-04-26T00:00:00.000+0000", "2024-04-26"),
        ("Birthdate", -86_400_000, "1969-12-31"),
        ("Amount", 1200.0, 1200),
        ("Amount", 1200.5, 1200.5),
        ("Amount", 1e300, 1e300),
        ("Amount", 1714172795000, 1714172795000),
        ("IsConverted", True, True),
        ("LastModifiedDate", True, True),
        ("LastModifiedDate", 1 << 62, 1 << 62),
        ("Note__c", "2024-13-26T23:06:35Z", "2024-13-26T23:06:35Z"),
        ("Note__c", "2024-04-26T23:06:35Z and more", "2024-04-26T23:06:35Z and more"),
        ("Note__c", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("Title", None, None),
    ],
)
def test_a_value_has_one_form(name: str, value: Any, form: Any) -> None:
    found = canonical(name, value)
    assert found == form
    assert type(found) is type(form)


@given(
    st.sampled_from(["CloseDate", "LastModifiedDate", "Title"]),
    st.text(max_size=30) | st.integers() | st.floats(allow_nan=False) | st.datetimes().map(lambda at: at.isoformat()),
)
def test_the_form_of_a_form_is_itself(name: str, value: Any) -> None:
    once = canonical(name, value)
    assert canonical(name, once) == once


def test_rest_fields_come_without_compounds_and_relations() -> None:
    fields = {
        "attributes": {"type": "Contact"},
        "Id": "003000000000001AAA",
        "IsDeleted": False,
        "Name": "Ann Ng",
        "FirstName": "Ann",
        "LastName": "Ng",
        "MailingAddress": {"city": "Oslo"},
        "MailingCity": "Oslo",
        "OtherAddress": None,
        "OtherCity": None,
        "Place__c": None,
        "Place__Latitude__s": None,
        "Account": {"Name": "Acme"},
        "Custom__c": None,
        "FromAddress": None,
        "CreatedDate": "2024-04-26T23:06:35.000+0000",
    }
    assert rest_values(fields) == {
        "FirstName": "Ann",
        "LastName": "Ng",
        "MailingCity": "Oslo",
        "OtherCity": None,
        "Place__Latitude__s": None,
        "Custom__c": None,
        "FromAddress": None,
        "CreatedDate": "2024-04-26T23:06:35.000Z",
    }


def test_the_name_of_what_is_no_person_stays() -> None:
    assert rest_values({"Name": "Acme"}) == {"Name": "Acme"}
    assert rest_values({"Name": "Acme", "LastName": None}) == {"Name": "Acme", "LastName": None}
