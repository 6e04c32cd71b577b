"""What a source of companies says, read."""

import msgspec
import pytest

from streams.account.companies import encode_company, parse_company
from streams.account.messages import CompanyKnown
from streams.events import NO_FIELDS, Rejected
from streams.personas.company import Company


def test_what_is_known_is_told_in_one_order_under_the_registrable_domain() -> None:
    company = Company("mail.acme.co.uk", country="gb", name=" Acme ", employees=1_200, industry="SaaS")
    said = b'{"name":"Acme","industry":"SaaS","employees":1200,"country":"GB"}'
    assert parse_company(encode_company(company)) == CompanyKnown("acme.co.uk", msgspec.Raw(said))


def test_a_domain_alone_takes_back_what_was_known() -> None:
    assert parse_company(b'{"domain":"acme.com","name":null}') == CompanyKnown("acme.com", NO_FIELDS)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (None, "$"),
        (b"Acme", "$"),
        (b'{"name":"Acme"}', "$"),
        (b'{"domain":"acme.com","employees":"many"}', "$.employees"),
        (b'{"domain":"acme.com","employees":0}', "$.employees"),
        (b'{"domain":"acme.com","country":"Germany"}', "$.country"),
        (b'{"domain":"gmail.com"}', "$.domain"),
        (b'{"domain":"co.uk"}', "$.domain"),
        (b'{"domain":"acme"}', "$.domain"),
    ],
)
def test_what_is_no_company_says_where_and_why_without_the_value(value: bytes | None, where: str) -> None:
    refused = parse_company(value)
    assert isinstance(refused, Rejected)
    assert refused.reason == "bad-command"
    assert where in refused.detail
    assert "Germany" not in refused.detail
