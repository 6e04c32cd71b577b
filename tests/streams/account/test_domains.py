from itertools import permutations

import pytest

from streams.account.domains import Domain, claimed, member_of, moved, website_domain
from streams.account.messages import Claim, DomainMember, Membership

ACME, BRAND, OLD = "001000000000001AAA", "001000000000002AAA", "001000000000003AAA"


@pytest.mark.parametrize(
    ("website", "domain"),
    [
        ("https://www.acme.com/about?x=1", "acme.com"),
        ("ACME.com ", "acme.com"),
        ("http://ann:secret@shop.acme.co.uk:8443/", "acme.co.uk"),
        ("acme.com.", "acme.com"),
        ("gmail.com", None),
        ("https://mail.yahoo.co.uk", None),
        ("http://10.0.0.1/", None),
        ("localhost", None),
        ("n/a", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_the_domain_of_a_website_is_what_its_company_registered(website: object, domain: str | None) -> None:
    assert website_domain(website) == domain


@pytest.mark.parametrize(
    ("alias", "domain"),
    [
        ("email:ann@acme.com", "acme.com"),
        ("email:ann@mail.eu.acme.co.uk", "acme.co.uk"),
        ("email:ann@gmail.com", None),
        ("email:ann@co.uk", None),
        ("email:ann@github.io", None),
        ("email:ann@localhost", None),
        ("user:ann@acme.com", None),
        ("sf:003000000000001AAA", None),
    ],
)
def test_an_address_is_introduced_to_the_domain_of_a_company_only(alias: str, domain: str | None) -> None:
    assert member_of(alias) == (DomainMember(alias, domain) if domain is not None else None)


CLAIMS = [
    Claim("acme.com", ACME, 3, created_at=20),
    Claim("acme.com", BRAND, 1, created_at=10),
    Claim("acme.com", OLD, 7, created_at=20),
]


def test_the_oldest_account_holds_a_domain_whatever_the_order_of_the_claims() -> None:
    for order in permutations([*CLAIMS, Claim("acme.com", BRAND, 2)]):
        domain = Domain()
        for claim in order:
            domain = claimed(domain, claim)
        assert domain.holder == ACME


def test_a_claim_that_is_not_newer_changes_nothing() -> None:
    domain = claimed(Domain(), CLAIMS[0])
    assert claimed(domain, CLAIMS[0]) is domain
    assert claimed(domain, Claim("acme.com", ACME, 2)) is domain


def test_when_the_holder_is_another_everybody_moves() -> None:
    before = claimed(Domain(), CLAIMS[0])
    after = claimed(before, CLAIMS[1])
    assert moved(before, after, ["email:ann@acme.com"]) == [
        Membership("email:ann@acme.com", ACME, 2, joined=False),
        Membership("email:ann@acme.com", BRAND, 2, joined=True),
    ]
    assert moved(after, claimed(after, CLAIMS[2]), ["email:ann@acme.com"]) == []
