"""Verify, accounts.  Companies: what commands of a source of companies make (docs/accounts.md, part 7).

In: messages of `web-events` with the command.  Kept: table `company` (p, o), of those that are to be taken.  Out: what
each has to make.
"""

# ruff: noqa: S608 - only constants of this package are put into SQL

import re
from typing import Any

import duckdb

from agents.verify.accounts.domains import of_alias
from agents.verify.accounts.tells import Made
from agents.verify.texts import parsed
from agents.verify.world import ACCOUNT_EVENTS, WEB_EVENTS

COMMANDS = f"""SELECT m.p, m.o, m.value FROM message m
    JOIN done ON done.topic = m.topic AND done.p = m.p AND m.o < done.o
    WHERE m.topic = '{WEB_EVENTS}' AND headers->>'touchline-command' = 'company'
        AND NOT json_exists(headers, '$."touchline-mark"') ORDER BY m.p, m.o"""
LONGEST = 200
MOST_EMPLOYEES = 10_000_000
HOST = re.compile(r"[^\s@]{1,253}")
COUNTRY = re.compile(r"[A-Za-z]{2}")

Place = tuple[int, int]
"""Partition and offset of a command."""


def prepare(con: duckdb.DuckDBPyConnection) -> dict[Place, Made]:
    """Make the table, and give the message that each command has to make."""
    made = {
        (p, o): one for p, o, value in con.execute(COMMANDS).fetchall() if (one := _made(parsed(value))) is not None
    }
    con.execute("CREATE TABLE company (p INTEGER, o BIGINT)")
    if made:
        con.executemany("INSERT INTO company VALUES (?, ?)", list(made))
    return made


def _made(said: Any) -> Made | None:
    """Give the message; None: the command is refused."""
    if not isinstance(said, dict):
        return None
    domain, known = _domain(said.get("domain")), _known(said)
    if domain is None or known is None:
        return None
    value = {"kind": "company", "domain": domain, **({"fields": known} if known else {})}
    return Made(ACCOUNT_EVENTS, f"domain:{domain}", value)


def _domain(said: Any) -> str | None:
    if not isinstance(said, str):
        return None
    host = said.strip().lower().removesuffix(".").removeprefix("www.")
    return of_alias(f"email:someone@{host}") if HOST.fullmatch(host) else None


def _known(said: dict[str, Any]) -> dict[str, Any] | None:
    """Give the fields that are known; None: one of them is not as it has to be."""
    texts = {name: said.get(name) for name in ("name", "industry", "country")}
    if any(not isinstance(text, str | None) for text in texts.values()):
        return None
    cut = {name: text.strip() for name, text in texts.items() if text is not None and text.strip()}
    employees = said.get("employees")
    if employees is not None and (type(employees) is not int or not 1 <= employees <= MOST_EMPLOYEES):
        return None
    country = cut.get("country", "XX")
    if max(len(cut.get("name", "")), len(cut.get("industry", ""))) > LONGEST or not COUNTRY.fullmatch(country):
        return None
    numbers = {} if employees is None else {"employees": employees}
    return {name: text.upper() if name == "country" else text for name, text in cut.items()} | numbers
