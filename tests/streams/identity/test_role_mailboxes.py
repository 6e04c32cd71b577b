import re
from pathlib import Path

from streams.identity.mail_lists import ROLE_MAILBOXES

DOCUMENTED = Path("docs/identity.md").read_text().partition("## Role mailboxes")[2].rpartition("\n\n")[2]


def test_the_page_on_identity_lists_every_role() -> None:
    assert set(re.findall(r"`([^`]+)`", DOCUMENTED)) == ROLE_MAILBOXES
