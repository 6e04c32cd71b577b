"""Three ways into an org, and what is said when none of them works."""

from collections.abc import Callable

import pytest
from pydantic import SecretStr

from agents.local.org import Fault, OrgServer
from agents.local.org.signin import new_key_pair
from agents.settings import Settings
from agents.sources.salesforce.calls import CarefulSession
from agents.sources.salesforce.errors import AwayError, MalformedError, SignInError
from agents.sources.salesforce.session import sign_in, way

OrgSettings = Callable[..., Settings]
NO_KEY = {"salesforce_private_key_file": None}


def test_a_private_key_signs_in_by_jwt(
    salesforce: OrgServer, session: CarefulSession, org_settings: OrgSettings
) -> None:
    org = sign_in(org_settings(), session)
    assert salesforce.interface.door.sign_ins == ["jwt-bearer"]
    assert org.query("SELECT Id FROM User")["done"]


def test_a_consumer_secret_signs_in_by_client_credentials(
    salesforce: OrgServer, session: CarefulSession, org_settings: OrgSettings, tmp_path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(salesforce.interface.door.consumer_secret + "\n")
    sign_in(org_settings(**NO_KEY, salesforce_consumer_secret_file=secret), session)
    assert salesforce.interface.door.sign_ins == ["client-credentials"]


def test_a_password_with_its_token_signs_in_by_soap(
    salesforce: OrgServer, session: CarefulSession, org_settings: OrgSettings
) -> None:
    door = salesforce.interface.door
    settings = org_settings(
        **NO_KEY,
        salesforce_password=SecretStr(door.password),
        salesforce_security_token=SecretStr(door.security_token),
    )
    org = sign_in(settings, session)
    assert door.sign_ins == ["password"]
    assert org.query("SELECT Id FROM User")["done"]


def test_the_better_way_wins(org_settings: OrgSettings) -> None:
    everything = {"salesforce_password": SecretStr("p"), "salesforce_consumer_secret": SecretStr("s")}
    assert way(org_settings(**everything)) == "jwt-bearer"
    assert way(org_settings(**everything | NO_KEY)) == "client-credentials"
    assert way(org_settings(**NO_KEY)) == ""


def test_without_any_way_the_settings_to_make_are_named(session: CarefulSession, org_settings: OrgSettings) -> None:
    with pytest.raises(SignInError, match="TOUCHLINE_SALESFORCE_USER, _CONSUMER_KEY and _PRIVATE_KEY_FILE"):
        sign_in(org_settings(**NO_KEY), session)


def test_another_key_is_refused_and_no_secret_is_said(
    session: CarefulSession, org_settings: OrgSettings, tmp_path
) -> None:
    other = tmp_path / "other.pem"
    other.write_text(new_key_pair()[0])
    with pytest.raises(SignInError, match="by jwt-bearer was refused") as raised:
        sign_in(org_settings(salesforce_private_key_file=other), session)
    assert "PRIVATE" not in str(raised.value)


@pytest.mark.parametrize("content", ["no key at all", ""])
def test_a_file_that_is_no_key_is_named(session: CarefulSession, org_settings: OrgSettings, tmp_path, content) -> None:
    file = tmp_path / "wrong.pem"
    file.write_text(content)
    with pytest.raises(SignInError, match=r"wrong\.pem is no RSA private key"):
        sign_in(org_settings(salesforce_private_key_file=file), session)


def test_a_file_that_is_not_there_is_named(session: CarefulSession, org_settings: OrgSettings, tmp_path) -> None:
    with pytest.raises(SignInError, match=r"none\.pem cannot be read"):
        sign_in(org_settings(salesforce_private_key_file=tmp_path / "none.pem"), session)


def test_client_credentials_need_my_domain(session: CarefulSession, org_settings: OrgSettings) -> None:
    settings = org_settings(
        **NO_KEY,
        salesforce_login_url="https://login.salesforce.com",
        salesforce_consumer_secret=SecretStr("s"),
    )
    with pytest.raises(SignInError, match="My Domain"):
        sign_in(settings, session)


def test_a_maintenance_page_is_no_token(
    salesforce: OrgServer, session: CarefulSession, org_settings: OrgSettings
) -> None:
    salesforce.fail(Fault.not_json, path="/token")
    with pytest.raises((MalformedError, SignInError)):
        sign_in(org_settings(), session)


def test_a_login_host_that_is_busy_is_asked_again(
    salesforce: OrgServer, session: CarefulSession, org_settings: OrgSettings
) -> None:
    salesforce.fail(Fault.unavailable, path="/token", times=2)
    sign_in(org_settings(), session)
    assert salesforce.interface.door.sign_ins == ["jwt-bearer"]


def test_a_ca_file_that_is_not_there_is_named(session: CarefulSession, org_settings: OrgSettings, tmp_path) -> None:
    session.verify = str(tmp_path / "no-ca.pem")
    with pytest.raises(AwayError, match=r"no-ca\.pem"):
        sign_in(org_settings(), session)


def test_an_unknown_certificate_is_said_at_once(session: CarefulSession, org_settings: OrgSettings) -> None:
    session.verify = True
    with pytest.raises(AwayError, match="TOUCHLINE_SALESFORCE_CA_FILE"):
        sign_in(org_settings(), session)
