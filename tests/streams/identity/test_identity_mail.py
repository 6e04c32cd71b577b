import re
from pathlib import Path

import pytest

from streams.identity import is_role_mailbox
from streams.identity.mail import ROLES

DOCUMENTED = Path("docs/identity.md").read_text().partition("## Role mailboxes")[2]


@pytest.mark.parametrize(
    "email", ["support@x.org", "no-reply@x.org", "support+de@x.org", "sales-emea@x.org", "info_fr@x.org", "it@x.org"]
)
def test_an_address_that_several_people_read_is_a_role_mailbox(email: str) -> None:
    assert is_role_mailbox(email)


@pytest.mark.parametrize(
    "email",
    ["ann@x.org", "ann+support@x.org", "supporter@x.org", "it.works@x.org", "a-sales@x.org"],
)
def test_any_other_address_is_a_person_s(email: str) -> None:
    assert not is_role_mailbox(email)


def test_the_page_names_every_role() -> None:
    assert set(re.findall(r"`([a-z-]+)`", DOCUMENTED.partition(":")[2])) == ROLES
