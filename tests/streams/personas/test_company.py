"""Company: a row of enrichment is a company, or says what is wrong with it and never repeats the value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events import Rejected
from streams.personas.company import FIELDS, Company, company_of, encode


def test_a_row_is_a_company() -> None:
    row = {"domain": " WWW.Example.com", "name": "Example ", "industry": "SaaS", "employees": "1,200", "country": "de"}
    assert company_of(row | {"note": "x"}) == Company("example.com", "Example", "SaaS", 1200, "DE")


def test_all_but_the_domain_may_be_absent() -> None:
    assert company_of({"domain": "example.com", "name": " ", "employees": ""}) == Company("example.com")


@pytest.mark.parametrize("text", ["1200", "1,200", "1.200", "1'200", "1 200", " 1200 "])
def test_thousands_may_be_set_apart(text: str) -> None:
    company = company_of({"domain": "example.com", "employees": text})
    assert isinstance(company, Company)
    assert company.employees == 1200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("domain", ""),
        ("domain", "secret value"),
        ("domain", "ada@example.com"),
        ("domain", "gmail.com"),
        ("domain", "mailinator.com"),
        ("employees", "0"),
        ("employees", "-5"),
        ("employees", "12.5"),
        ("employees", "51-200"),
        ("employees", "many"),
        ("employees", "99999999999"),
        ("employees", "٣"),
        ("country", "Germany"),
        ("country", "D1"),
        ("name", "n" * 201),
        ("industry", "i" * 201),
    ],
)
def test_what_does_not_fit_is_told_with_its_field_and_without_its_value(field: str, value: str) -> None:
    found = company_of({"domain": "example.com"} | {field: value})
    assert isinstance(found, Rejected)
    assert found.detail.startswith(f"{field}: ")
    assert not value or value not in found.detail.partition(": ")[2] or value == "0"


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=20)))
def test_no_row_is_an_exception(row: dict[str, str]) -> None:
    assert isinstance(company_of(row), Company | Rejected)


def test_only_what_is_known_is_written() -> None:
    assert encode(Company("example.com", employees=5)) == b'{"domain":"example.com","employees":5}'
