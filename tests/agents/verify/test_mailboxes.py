"""Role mailboxes: the names of the page, and nothing like them."""

import re
from pathlib import Path

import duckdb
import pytest

from agents.verify.mailboxes import NAMES, shared


def test_the_names_are_those_of_the_page() -> None:
    listed = Path("docs/identity.md").read_text().split("## Role mailboxes")[1].rpartition("\n\n")[2]
    names = re.findall(r"`([^`]+)`", listed)
    assert names == NAMES.split()
    assert len(names) > 100


@pytest.mark.parametrize(
    ("address", "is_shared"),
    [
        ("support@example.com", True),
        ("support+eu@example.com", True),
        ("support-eu@example.com", True),
        ("support_eu@example.com", True),
        ("no-reply@example.com", True),
        ("no.reply@example.com", True),
        ("supporter@example.com", False),
        ("support.ann@example.com", False),
        ("ann+support@example.com", False),
        ("ann@support.com", False),
    ],
)
def test_a_role_mailbox_is_told_by_how_its_name_begins(address: str, is_shared: bool) -> None:
    assert duckdb.execute(f"SELECT {shared('$1')}", [address]).fetchone() == (is_shared,)
