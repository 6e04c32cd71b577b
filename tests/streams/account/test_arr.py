from fractions import Fraction
from typing import Any

import pytest

from streams.account.arr import Rates, arr_of, rates_of
from streams.policy import Accounts

MAPPED = Accounts(arr="ARR__c", term_months="Term__c")
RATES = Rates("USD", {"USD": Fraction(1), "EUR": Fraction("0.8"), "JPY": Fraction(150)})


@pytest.mark.parametrize(
    ("fields", "arr"),
    [
        ({"ARR__c": 1234.56, "Amount": 1}, 123_456),
        ({"Amount": 24_000, "Term__c": 24}, 1_200_000),
        ({"Amount": 1_000, "Term__c": 3}, 400_000),
        ({"Amount": 1_000}, 100_000),
        ({"Amount": 800, "CurrencyIsoCode": "EUR"}, 100_000),
        ({"ARR__c": 150_000, "CurrencyIsoCode": "JPY"}, 100_000),
        ({"Amount": "1200.10"}, 120_010),
        ({}, None),
        ({"Amount": None}, None),
        ({"Amount": "a lot"}, None),
        ({"Amount": 1_000, "Term__c": 0}, None),
        ({"Amount": 1_000, "Term__c": 1.5}, None),
        ({"Amount": 1_000, "Term__c": True}, None),
        ({"Amount": 1_000, "CurrencyIsoCode": "CHF"}, None),
        ({"Amount": 1_000, "CurrencyIsoCode": 7}, None),
    ],
)
def test_arr_is_the_mapped_field_else_the_amount_over_the_term(fields: dict[str, Any], arr: int | None) -> None:
    assert arr_of(fields, MAPPED, RATES) == arr


def test_without_mapped_fields_the_amount_counts_for_a_year() -> None:
    assert arr_of({"ARR__c": 5, "Amount": 10, "Term__c": 24}, Accounts(), RATES) == 1_000


def test_the_corporate_currency_is_the_org_s_else_that_of_the_rules() -> None:
    euro = {"IsoCode": "EUR", "ConversionRate": 1, "IsCorporate": True}
    dollar = {"IsoCode": "USD", "ConversionRate": 1.25, "IsCorporate": False}
    assert rates_of([dollar, euro], MAPPED) == Rates("EUR", {"USD": Fraction("1.25"), "EUR": Fraction(1)})
    assert rates_of([dollar | {"IsoCode": "X5"}], MAPPED) == Rates("USD", {})
    assert rates_of([dollar], Accounts(currency="CHF")).corporate == "CHF"


def test_a_currency_that_cannot_be_read_is_left_out() -> None:
    broken = [{"IsoCode": "EUR", "ConversionRate": 0}, {"ConversionRate": 1}, {"IsoCode": 7, "ConversionRate": 1}, {}]
    assert rates_of(broken, MAPPED) == Rates("USD", {})
