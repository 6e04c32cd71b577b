"""Verify, accounts.  Views: the latest document of each account against the log (docs/accounts.md, part 5)."""

from typing import Any

import duckdb

from agents.verify.accounts.bare import bare
from agents.verify.accounts.fold import Accounts, Partition
from agents.verify.accounts.row import Account
from agents.verify.accounts.state import MOST_SHOWN, listed, money
from agents.verify.report import Check
from agents.verify.texts import canonical, parsed, unlike
from agents.verify.world import ACCOUNT_VIEWS

LATEST = f"""SELECT p, key, max(o), arg_max(value, o) FROM message WHERE topic = '{ACCOUNT_VIEWS}'
    GROUP BY p, key ORDER BY p, key"""  # noqa: S608 - constants of this package


def check(con: duckdb.DuckDBPyConnection, accounts: Accounts) -> Check:
    """Compare; a document of an account of which the log knows nothing is a difference, and so is a missing one."""
    found = Check("accounts")
    shown = {(p, key): (o, parsed(value)) for p, key, o, value in con.execute(LATEST).fetchall()}
    wanted = {
        (p, account.id): document(account, at, accounts)
        for p, at in enumerate(accounts.partitions)
        for account in at.accounts.values()
    }
    for p, key in sorted({*shown, *wanted}, key=str):
        found.compared += 1
        if not accounts.is_unsure(key):
            o, there = shown.get((p, key), ("-", None))
            _compare(found, f"{ACCOUNT_VIEWS}/{p}/{o}", key, wanted.get((p, key)), there)
    return found


def document(account: Account, at: Partition, accounts: Accounts) -> dict[str, Any]:
    """Make the document of an account."""
    way = money(at.references, accounts.rules)
    members = sorted(account.members)
    state = account.state(at.references, way, MOST_SHOWN)
    if state is not None:
        return {"account": account.id, **state, "members": members}
    if account.deleted:
        return {"account": account.id, "deleted": True}
    opportunities = listed(account.opportunities, way, MOST_SHOWN)
    return {"account": account.id, "deleted": False, "members": members, "opportunities": opportunities}


def _compare(found: Check, where: str, key: str, wanted: dict[str, Any] | None, shown: Any) -> None:
    if wanted is None:
        found.differs(where, key, "a document of nobody: the log has no record of this account")
    elif shown is None:
        found.differs(where, key, "the document is missing, or is no JSON")
    elif _text(wanted) != _text(shown):
        found.differs(where, key, unlike(bare(wanted), bare(shown)) or "has more than it should")


def _text(document: Any) -> str:
    said = {"deleted": document["deleted"]} if isinstance(document, dict) and "deleted" in document else {}
    return canonical([said, bare(document)])
