"""The org, part 8.  Sign-in: JWT bearer and client credentials for tokens, and the SOAP login of user and password."""

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def new_key_pair() -> tuple[str, str]:
    """Make an RSA key pair; return (private, public), PEM."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@dataclass(slots=True)
class Doorkeeper:
    """Who may come in, and the tokens handed out; one connected app and one user."""

    user: str = "integration@org.example"
    password: str = field(default_factory=lambda: secrets.token_hex(8))
    security_token: str = field(default_factory=lambda: secrets.token_hex(8))
    consumer_key: str = field(default_factory=lambda: secrets.token_hex(16))
    consumer_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    private_key: str = ""
    public_key: str = ""
    tokens: set[str] = field(default_factory=set)
    sign_ins: list[str] = field(default_factory=list)
    """The way of each successful sign-in: jwt-bearer, client-credentials, password."""

    def __post_init__(self) -> None:
        if not self.public_key:
            self.private_key, self.public_key = new_key_pair()

    def admits(self, authorization: str) -> bool:
        """Whether the header carries a token that is still good."""
        return authorization.removeprefix("Bearer ") in self.tokens

    async def token(self, request: Request) -> Response:
        """Answer `POST /services/oauth2/token`."""
        form = dict(parse_qsl((await request.body()).decode()))
        way = form.get("grant_type", "")
        if way == JWT_BEARER:
            problem = self._jwt_problem(form.get("assertion", ""))
        elif way == "client_credentials":
            problem = self._basic_problem(request.headers.get("authorization", ""))
        else:
            problem = ("unsupported_grant_type", "grant type not supported")
        if problem:
            return JSONResponse({"error": problem[0], "error_description": problem[1]}, 400)
        token = self._admit("jwt-bearer" if way == JWT_BEARER else "client-credentials")
        return JSONResponse({"access_token": token, "instance_url": _address(request), "token_type": "Bearer"})

    async def soap(self, request: Request) -> Response:
        """Answer `POST /services/Soap/u/<version>`: login only."""
        body = ElementTree.fromstring(await request.body())  # noqa: S314 - our own client, a local double
        said = {element.tag.rpartition("}")[2]: element.text or "" for element in body.iter()}
        expected = (self.user, self.password + self.security_token)
        if (said.get("username"), said.get("password")) != expected:
            return _xml(500, FAULT)
        token = self._admit("password")
        return _xml(200, LOGGED_IN.format(token=token, url=f"{_address(request)}/services/Soap/u/59.0/00D"))

    def _jwt_problem(self, assertion: str) -> tuple[str, str] | None:
        try:
            claims: dict[str, Any] = jwt.decode(
                assertion, self.public_key, algorithms=["RS256"], audience=AUDIENCES, issuer=self.consumer_key
            )
        except jwt.InvalidAudienceError:
            return "invalid_grant", "audience is invalid"
        except jwt.InvalidTokenError:
            return "invalid_grant", "invalid assertion"
        if claims.get("sub") != self.user:
            return "invalid_grant", "user hasn't approved this consumer"
        return None

    def _basic_problem(self, header: str) -> tuple[str, str] | None:
        try:
            given = base64.b64decode(header.removeprefix("Basic "), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        if given != f"{self.consumer_key}:{self.consumer_secret}":
            return "invalid_client", "invalid client credentials"
        return None

    def _admit(self, way: str) -> str:
        token = f"00D5e000000org!{secrets.token_hex(24)}"
        self.tokens.add(token)
        self.sign_ins.append(way)
        return token


LOGGED_IN = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    "<soapenv:Body><loginResponse><result><serverUrl>{url}</serverUrl><sessionId>{token}</sessionId></result>"
    "</loginResponse></soapenv:Body></soapenv:Envelope>"
)
FAULT = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body><soapenv:Fault><detail><sf:LoginFault>'
    "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode><sf:exceptionMessage>INVALID_LOGIN: Invalid username, password,"
    " security token; or user locked out.</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault></soapenv:Body>"
    "</soapenv:Envelope>"
)


def _xml(status: int, text: str) -> Response:
    return Response(text, status, media_type="text/xml")


def _address(request: Request) -> str:
    return f"https://{request.url.netloc}"
