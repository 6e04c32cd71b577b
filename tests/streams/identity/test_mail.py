"""Mail: what an address says about whose it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.identity import mail_lists
from streams.identity.mail import (
    domain_of,
    is_disposable,
    is_free_mail,
    is_role_mailbox,
    normalise_domain,
    normalise_email,
)


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize(
    ("text", "email"),
    [
        (" Ada@Example.COM ", "ada@example.com"),
        ("ada+news@example.com", "ada+news@example.com"),
        ("a.d.a@gmail.com", "a.d.a@gmail.com"),
        ("ada@mail.example.co.uk", "ada@mail.example.co.uk"),
        ("jürgen@müller.example", "jürgen@müller.example"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("a@b.co", "a@b.co"),
        ("", None),
        ("ada", None),
        ("@b.co", None),
        ("ada@", None),
        ("ada@localhost", None),
        ("ada@b..co", None),
        ("ada@.co", None),
        ("ada@b.", None),
        ("ada@@b.co", None),
        ("ada@b@c.co", None),
        ("a da@b.co", None),
        ("ada@b .co", None),
        ("a" * 320 + "@b.co", None),
    ],
)
def test_an_address_is_trimmed_and_lower_case_or_none(text: str, email: str | None) -> None:
    assert normalise_email(text) == email


@given(st.emails())
def test_every_address_has_one_form_that_stays_as_it_is(address: str) -> None:
    email = normalise_email(address)
    assert email is not None
    assert normalise_email(email) == email
    assert domain_of(email) == address.rpartition("@")[2].lower()


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Example.COM", "example.com"),
        (" www.example.com. ", "example.com"),
        ("shop.example.co.uk", "shop.example.co.uk"),
        ("bücher.example", "bücher.example"),
        ("example", None),
        ("", None),
        ("ada@example.com", None),
        ("https://example.com", None),
        ("example.com/about", None),
        ("-a.example", None),
        ("a b.example", None),
        ("127.0.0.1", None),
        ("a" * 64 + ".example", None),
        ("a." * 130 + "example", None),
    ],
)
def test_a_domain_is_bare_and_lower_case_or_none(text: str, domain: str | None) -> None:
    assert normalise_domain(text) == domain


@pytest.mark.parametrize(
    "local",
    words(
        """
        team support info sales admin billing hello contact office no-reply noreply no.reply no_reply
        do-not-reply postmaster webmaster abuse help hr jobs careers marketing press security privacy accounts
        finance support+de support-emea sales_uk info+x-y hello+a.b kontakt buchhaltung vertrieb bewerbung
        datenschutz büro accueil facturation comptabilite service-client recrutement contacto ventas
        facturacion soporte rrhh contato vendas suporte financeiro customer-success
        """
    ),
)
def test_an_office_is_no_person(local: str) -> None:
    assert is_role_mailbox(f"{local}@example.com")


@pytest.mark.parametrize(
    "local",
    words(
        """
        ada ada.lovelace ada+sales ada-support salesforce information.desk dev.patel helpmann hrdina teamo x
        """
    ),
)
def test_a_person_is_no_office(local: str) -> None:
    assert not is_role_mailbox(f"{local}@sales.example.com")


@pytest.mark.parametrize(
    "domain",
    words(
        """
        gmail.com googlemail.com outlook.com outlook.de hotmail.com hotmail.co.uk hotmail.fr yahoo.com
        yahoo.co.jp yahoo.com.br ymail.com live.nl icloud.com me.com proton.me protonmail.com gmx.de gmx.net
        gmx.at web.de t-online.de mail.ru qq.com vip.qq.com 163.com aol.com orange.fr libero.it wp.pl
        seznam.cz naver.com uol.com.br mailinator.com eu.mailinator.com yopmail.com
        """
    ),
)
def test_a_provider_of_mailboxes_is_no_company(domain: str) -> None:
    assert is_free_mail(domain)


@pytest.mark.parametrize(
    "domain",
    words(
        """
        example.com live.me gmail.com.example.com mygmail.com yahoo.example.com google.com github.io gmx.example
        qq.example
        """
    ),
)
def test_other_domains_may_be_companies(domain: str) -> None:
    assert not is_free_mail(domain)


def test_only_mailboxes_that_do_not_last_are_disposable() -> None:
    assert is_disposable("guerrillamail.com")
    assert not is_disposable("gmail.com")


def test_the_lists_are_long_and_each_of_their_domains_is_one() -> None:
    assert len(mail_lists.FREE_MAIL) >= 150
    assert len(mail_lists.DISPOSABLE) >= 50
    assert len(mail_lists.ROLE_MAILBOXES) >= 100
    domains = mail_lists.FREE_MAIL | mail_lists.DISPOSABLE
    assert {domain for domain in domains if normalise_domain(domain) != domain} == set()
    assert not mail_lists.FREE_MAIL & mail_lists.DISPOSABLE
