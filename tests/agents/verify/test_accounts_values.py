"""The domains and amounts of accounts, read a second time."""

from fractions import Fraction
from typing import Any

import pytest

from agents.verify.accounts.bare import bare
from agents.verify.accounts.domains import of_alias, of_website
from agents.verify.accounts.money import annualised, converted, minor
from agents.verify.accounts.references import References
from agents.verify.rules import AccountRules, parse


@pytest.mark.parametrize(
    ("website", "domain"),
    [
        (" HTTPS://www.Acme.com/about?x=1 ", "acme.com"),
        ("acme.co.uk", "acme.co.uk"),
        ("http://ann:secret@shop.acme.com:8080", "acme.com"),
        ("//acme.com#top", "acme.com"),
        ("acme.com.", "acme.com"),
        ("foo.github.io", "foo.github.io"),
        ("bücher.de", "bücher.de"),
        ("github.io", None),
        ("co.uk", None),
        ("localhost", None),
        ("http://192.168.0.1/", None),
        ("http://[::1]/", None),
        ("gmail.com", None),
        ("mail.yahoo.co.uk", None),
        ("none yet", None),
        ("acme.com, acme.de", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_website_stands_for_its_registrable_domain(website: Any, domain: str | None) -> None:
    assert of_website(website) == domain


@pytest.mark.parametrize(
    ("address", "domain"),
    [("ann@mail.acme.com", "acme.com"), ("a@b@acme.com", "acme.com"), ("ann@gmx.at", None), ("ann@1.2.3.4", None)],
)
def test_an_address_belongs_to_its_registrable_domain(address: str, domain: str | None) -> None:
    assert of_alias(f"email:{address}") == domain


@pytest.mark.parametrize(
    ("value", "currency", "units"),
    [
        (1.005, "USD", 100),
        ("1.015", "USD", 102),
        (0.1 + 0.2, "KWD", 300),
        ("-2.5", "JPY", -2),
        ("1e3", "CLF", 10_000_000),
        (10**13, "USD", 10**15),
        (10**13 + 0.01, "USD", None),
        ("1e9999", "USD", None),
        ("1,000", "USD", None),
        (True, "USD", None),
        (None, "USD", None),
    ],
)
def test_an_amount_is_read_as_it_is_written(value: Any, currency: str, units: int | None) -> None:
    assert minor(value, currency) == units


def test_each_step_is_rounded_once_a_half_to_the_even_one() -> None:
    assert [annualised(5, 24), annualised(3, 24), annualised(100, 7)] == [2, 2, 171]
    rates = {"EUR": Fraction(2), "JPY": Fraction(150), "USD": Fraction(1)}
    assert converted(5, "EUR", "USD", rates) == 2
    assert converted(100, "USD", "JPY", rates) == 150
    assert converted(100, "USD", "GBP", rates) is None
    assert converted(100, "GBP", "GBP", rates) == 100


def test_what_may_be_absent_is_as_good_as_absent() -> None:
    message = {"a": None, "b": [], "c": {"d": False}, "e": 0, "f": "", "fields": {"IsWon": False}}
    assert bare(message) == {"e": 0, "f": "", "fields": {"IsWon": False}}


def test_the_rules_name_fields_of_accounts_or_none() -> None:
    assert parse({}).accounts == AccountRules(None, None, None, "USD")
    table = {"arr": "ARR__c", "term_months": "T__c", "nps": "NPS__c", "currency": "EUR"}
    assert parse({"accounts": table}).accounts == AccountRules(**table)


def test_of_two_rates_of_one_currency_the_record_s_counts_whose_id_sorts_last() -> None:
    references = References()
    for record, rate in (("01L000000000002AAA", 0.5), ("01L000000000001AAA", 4)):
        assert references.take("CurrencyType", record, 1, {"IsoCode": "EUR", "ConversionRate": rate})
    assert references.rates() == {"EUR": Fraction(1, 2)}
