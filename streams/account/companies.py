"""Companies: what a source of companies knows of a domain, as a message on `web-events` says it.

In: the value of a message.  Out: the message for the row of the domain.  Rules: docs/accounts.md, part 7.
"""

import msgspec
import orjson

from streams.account.domains import company_domain
from streams.account.messages import CompanyKnown
from streams.events import NO_FIELDS, Rejected
from streams.personas.company import FIELDS, Company, company_of

COMMAND = "company"
"""Of the header `touchline-command`."""

encode_company = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Company).decode


def parse_company(value: bytes | None) -> CompanyKnown | Rejected:
    """Read a company; `bad-command`: it is none, or its domain is nobody's alone."""
    try:
        said = _decode(value or b"")
    except msgspec.MsgspecError as error:
        return Rejected("bad-command", f"$: {error}")
    texts = {name: str(text) for name in FIELDS if (text := getattr(said, name)) is not None}
    company = company_of(texts)
    if isinstance(company, Rejected):
        return Rejected("bad-command", f"$.{company.detail}")
    domain = company_domain(company.domain)
    if domain is None:
        return Rejected("bad-command", "$.domain: a suffix under which anybody may have a domain; give a company's")
    return CompanyKnown(domain, _fields(company))


def _fields(company: Company) -> msgspec.Raw:
    known = {name: found for name in FIELDS[1:] if (found := getattr(company, name)) is not None}
    return msgspec.Raw(orjson.dumps(known)) if known else NO_FIELDS
