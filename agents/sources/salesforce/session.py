"""Sign-in: by JWT bearer, else client credentials, else user and password; whichever the settings have all parts of.

simple-salesforce signs in at `<domain>.salesforce.com`; what is elsewhere is put right by `CarefulSession`.
"""

from pathlib import Path
from urllib.parse import urlsplit

import jwt
from pydantic import SecretStr
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from agents.settings import Settings
from agents.sources.salesforce.calls import ELSEWHERE, SALESFORCE, CarefulSession
from agents.sources.salesforce.errors import MalformedError, SignInError

NEXT_STEP = "`touchline salesforce check` tries again; docs/salesforce-sync.md has the steps in the org"


def sign_in(settings: Settings, session: CarefulSession) -> Salesforce:
    """Sign in and return the client; raise `SignInError` where it is refused, or the settings name no way."""
    arguments = _arguments(settings)
    try:
        return Salesforce(session=session, **arguments)
    except SalesforceAuthenticationFailed as error:
        said = error.content.decode(errors="replace")[:200]
        text = f"sign-in at {settings.salesforce_login_url} by {way(settings)} was refused ({error.code}: {said})"
        raise SignInError(f"{text}; {NEXT_STEP}") from None
    except jwt.PyJWTError:
        text = f"{settings.salesforce_private_key_file} is no RSA private key in PEM"
        raise SignInError(f"{text}; {NEXT_STEP}") from None
    except (ValueError, AttributeError, KeyError):
        # The library reads what came back without looking at it first.
        raise MalformedError(f"the answer to the sign-in at {settings.salesforce_login_url} is no token") from None


def way(settings: Settings) -> str:
    """Name the way in that the settings allow: jwt-bearer, client-credentials, password, or empty."""
    key = settings.salesforce_consumer_key.get_secret_value()
    if key and settings.salesforce_user and settings.salesforce_private_key_file:
        return "jwt-bearer"
    if key and (settings.salesforce_consumer_secret.get_secret_value() or settings.salesforce_consumer_secret_file):
        return "client-credentials"
    password = settings.salesforce_password.get_secret_value() or settings.salesforce_password_file
    return "password" if settings.salesforce_user and password else ""


def _arguments(settings: Settings) -> dict[str, str]:
    key = settings.salesforce_consumer_key.get_secret_value()
    domain = _domain(settings.salesforce_login_url)
    match way(settings):
        case "jwt-bearer":
            audience = "test" if domain == "test" or ".sandbox" in domain else "login"
            return {
                "username": settings.salesforce_user,
                "consumer_key": key,
                "privatekey": _key_text(settings.salesforce_private_key_file),
                "domain": audience,
                "instance_url": domain,
            }
        case "client-credentials":
            secret = _secret(settings.salesforce_consumer_secret, settings.salesforce_consumer_secret_file)
            if domain in {"login", "test"}:
                text = "client credentials need the org's own address: set TOUCHLINE_SALESFORCE_LOGIN_URL to My Domain"
                raise SignInError(text)
            return {"consumer_key": key, "consumer_secret": secret, "domain": domain}
        case "password":
            return {
                "username": settings.salesforce_user,
                "password": _secret(settings.salesforce_password, settings.salesforce_password_file),
                "security_token": _secret(settings.salesforce_security_token, settings.salesforce_security_token_file),
                "domain": domain,
            }
    text = "the settings name no way to sign in: set TOUCHLINE_SALESFORCE_USER, _CONSUMER_KEY and _PRIVATE_KEY_FILE"
    raise SignInError(f"{text}; docs/salesforce-sync.md has the steps in the org")


def _domain(login_url: str) -> str:
    """Return what stands before `.salesforce.com`, or what `CarefulSession` puts right."""
    host = urlsplit(login_url).netloc
    return host.removesuffix(SALESFORCE) if host.endswith(SALESFORCE) else ELSEWHERE


def _secret(value: SecretStr, file: Path | None) -> str:
    return value.get_secret_value() or (_read(file).strip() if file else "")


def _key_text(file: Path | None) -> str:
    return _read(file) if file else ""


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SignInError(f"{file} cannot be read ({type(error).__name__})") from None
