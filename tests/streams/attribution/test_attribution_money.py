"""Amounts in minor units: read exactly, rounded once, refused where they make no sense."""

import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.attribution.money import DECIMALS, MOST, convert, recurring, to_minor, to_rate, to_text
from streams.events import Rejected

PAGE = (Path(__file__).parents[3] / "docs" / "attribution.md").read_text()
MONEY = st.integers(-MOST // 1000, MOST // 1000)
RATES = {"USD": Fraction(1), "EUR": Fraction("0.9"), "JPY": Fraction(150), "KWD": Fraction("0.3")}


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("1234.50", "USD", 123450),
        ("1234.5", "USD", 123450),
        (" 7 ", "EUR", 700),
        (1234, "USD", 123400),
        (1234.56, "USD", 123456),
        (0.1 + 0.2, "USD", 30),
        (1e3, "USD", 100000),
        ("1e3", "JPY", 1000),
        (1234, "JPY", 1234),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
        ("-3.10", "USD", -310),
        (0, "USD", 0),
    ],
)
def test_an_amount_is_read_by_the_decimals_of_its_currency(amount: object, currency: str, minor: int) -> None:
    assert to_minor(amount, currency) == minor


@pytest.mark.parametrize(
    ("amount", "minor"), [("0.005", 0), ("0.015", 2), ("0.025", 2), ("-0.015", -2), ("0.0250001", 3), (1.005, 100)]
)
def test_half_a_cent_goes_to_the_even_cent(amount: object, minor: int) -> None:
    assert to_minor(amount, "USD") == minor


@pytest.mark.parametrize(
    "amount",
    [None, True, "", "one", "1,000", "1/3", "1_0", "0x1", "1.", ".5", "1e999", "٣", [], float("nan"), float("inf")],
)
def test_what_is_no_decimal_number_is_refused(amount: object) -> None:
    refused = to_minor(amount, "USD")
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.detail[:7]) == ("wrong-type", "amount:")


@pytest.mark.parametrize("currency", ["", "usd", "US", "USDX", "U$D", "ÄÖÜ", "USD\n"])
def test_what_is_no_currency_code_is_refused(currency: str) -> None:
    refused = to_minor("1", currency)
    assert isinstance(refused, Rejected)
    assert refused.detail.startswith("currency:")


@pytest.mark.parametrize("amount", ["10000000000000.01", "-10000000000000.01", 10**400, 1e99])
def test_an_amount_beyond_all_sense_is_refused_and_not_repeated(amount: object) -> None:
    refused = to_minor(amount, "USD")
    assert isinstance(refused, Rejected)
    assert refused.reason == "too-large"
    assert "10000000000000" not in refused.detail


def test_the_page_lists_the_decimals_of_the_code() -> None:
    listed = re.findall(r"(\d) for ((?:[A-Z]{3} ?)+)", PAGE)
    assert {code: int(decimals) for decimals, codes in listed for code in codes.split()} == DECIMALS != {}


@pytest.mark.parametrize(
    ("amount", "months", "yearly"),
    [
        (1200, 12, 1200),
        (3600, 36, 1200),
        (100, 1, 1200),
        (1000, 36, 333),
        (3, 24, 2),
        (5, 24, 2),
        (-5, 24, -2),
        (0, 7, 0),
    ],
)
def test_a_contract_is_annualised_half_to_even(amount: int, months: int, yearly: int) -> None:
    assert recurring(amount, months) == yearly


@pytest.mark.parametrize("months", [0, -12])
def test_a_term_without_a_month_is_refused(months: int) -> None:
    assert isinstance(recurring(1200, months), Rejected)


@pytest.mark.parametrize(
    ("amount", "currency", "to", "converted"),
    [
        (90, "EUR", "USD", 100),
        (100, "USD", "EUR", 90),
        (100, "USD", "JPY", 150),
        (150, "JPY", "USD", 100),
        (1, "JPY", "USD", 1),  # 0.67 of a cent
        (45, "EUR", "KWD", 150),
        (5, "USD", "JPY", 8),  # 7.5
        (3, "USD", "JPY", 4),  # 4.5
        (-3, "USD", "JPY", -4),
        (7, "XXX", "XXX", 7),
    ],
)
def test_an_amount_is_converted_by_units_for_one_corporate_unit(
    amount: int, currency: str, to: str, converted: int
) -> None:
    assert convert(amount, currency, to, RATES) == converted


@pytest.mark.parametrize(("currency", "to"), [("USD", "GBP"), ("GBP", "USD")])
def test_a_currency_without_a_rate_is_refused(currency: str, to: str) -> None:
    refused = convert(1, currency, to, RATES)
    assert isinstance(refused, Rejected)
    assert refused.reason == "bad-record"


def test_a_conversion_beyond_all_sense_is_refused() -> None:
    assert isinstance(convert(MOST, "USD", "JPY", {**RATES, "JPY": Fraction(150_000)}), Rejected)


@pytest.mark.parametrize(("rate", "read"), [("0.9", Fraction(9, 10)), (1.1, Fraction(11, 10)), (150, Fraction(150))])
def test_a_rate_is_read_exactly(rate: object, read: Fraction) -> None:
    assert to_rate(rate) == read


@pytest.mark.parametrize("rate", [0, "-1", None, "one", "0.0"])
def test_a_rate_that_is_not_over_0_is_refused(rate: object) -> None:
    refused = to_rate(rate)
    assert isinstance(refused, Rejected)
    assert refused.detail.startswith("rate:")


@given(MONEY)
def test_an_amount_written_as_json_is_read_back_to_the_cent(minor: int) -> None:
    sign, size = "-" if minor < 0 else "", abs(minor)
    text = f"{sign}{size // 100}.{size % 100:02}"
    assert to_minor(text, "USD") == to_minor(float(text), "USD") == minor


@given(MONEY, st.integers(1, 120))
def test_what_is_taken_back_is_annualised_to_the_mirror_image(amount: int, months: int) -> None:
    yearly = recurring(amount, months)
    assert isinstance(yearly, int)
    assert recurring(-amount, months) == -yearly


@given(MONEY, st.sampled_from(list(RATES)), st.sampled_from(list(RATES)))
def test_what_is_taken_back_is_converted_to_the_mirror_image(amount: int, currency: str, to: str) -> None:
    converted = convert(amount, currency, to, RATES)
    assert isinstance(converted, int)
    assert convert(-amount, currency, to, RATES) == -converted


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (123450, "USD", "1234.50"),
        (-5, "USD", "-0.05"),
        (0, "EUR", "0.00"),
        (1235, "JPY", "1235"),
        (-1234, "KWD", "-1.234"),
    ],
)
def test_an_amount_is_written_by_the_decimals_of_its_currency(minor: int, currency: str, text: str) -> None:
    assert to_text(minor, currency) == text


@given(MONEY, st.sampled_from(["USD", "JPY", "KWD", "CLF"]))
def test_an_amount_that_is_written_is_read_back(minor: int, currency: str) -> None:
    assert to_minor(to_text(minor, currency), currency) == minor
