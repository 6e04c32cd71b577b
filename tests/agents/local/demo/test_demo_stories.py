"""What the demo finds in the documents: each story that came out as it has to, and each way in which it did not."""

import pytest

from agents.local.company.books import Stories
from agents.local.demo.scene import Known, Scene
from agents.local.demo.stories import Documents, Finding, findings

LOSER, WINNER, LEAD, CONTACT = "003L", "003W", "00QL", "003C"
STORIES = Stories(merged={LOSER: WINNER}, converted={LEAD: CONTACT}, lost={CONTACT: "VP of Product"})
DEVICES = {"a1": {"u1", "u2"}}


def documents() -> dict[str, dict]:
    """As they are when everything came out well."""
    record = {"id": CONTACT, "fields": {"Title": "VP of Product"}}
    return {
        f"sf:{LOSER}": {"merged_into": f"sf:{WINNER}"},
        f"sf:{LEAD}": {"merged_into": f"sf:{CONTACT}"},
        f"sf:{CONTACT}": {"merged_into": "email:ann@example.com"},
        "email:ann@example.com": {"merged_into": "user:u1"},
        "user:u1": {"aliases": ["anon:a1", "email:ann@example.com", "user:u1"], "salesforce": [record]},
        "user:u2": {"aliases": ["user:u2"]},
        "anon:a1": {"merged_into": "user:u1", "quarantined_links": 1},
    }


def scene() -> Scene:
    return Scene(records={CONTACT: Known(1, dirty=False)}, refetches={(CONTACT, "gap")})


def found(said: Documents, seen: Scene) -> list[Finding]:
    return list(findings(said, seen, STORIES, DEVICES))


def wrong(said: Documents, seen: Scene) -> str:
    return "; ".join(text for finding in found(said, seen) for text in finding.wrong)


def test_where_everything_came_out_well_nothing_is_wrong() -> None:
    assert [str(finding) for finding in found(documents(), scene())] == [
        "merged contacts (1): as it has to be",
        "converted leads (1): as it has to be",
        "lost changes (1): as it has to be",
        "shared devices (1): as it has to be",
    ]


@pytest.mark.parametrize(
    ("person", "document", "says"),
    [
        (f"sf:{LOSER}", {}, f"{LOSER} leads to None, expected sf:{WINNER}"),
        (f"sf:{LEAD}", {"merged_into": "email:ann@example.com"}, f"{LEAD} leads to email:"),
        ("email:ann@example.com", {"merged_into": "email:ann@example.com"}, f"{CONTACT} has not the title"),
        ("user:u1", {"aliases": ["user:u1"], "salesforce": []}, f"{CONTACT} has not the title"),
        ("user:u2", {"aliases": ["user:u1", "user:u2"]}, "user:u2 is joined with another user"),
        ("user:u2", {"merged_into": "user:u1"}, "user:u2 is joined with another user"),
        ("anon:a1", {"aliases": ["anon:a1"], "quarantined_links": 1}, "anon:a1 belongs to None"),
        ("anon:a1", {"merged_into": "user:u1", "quarantined_links": 0}, "anon:a1 has 0 quarantined links, expected 1"),
    ],
)
def test_a_document_that_says_something_else_is_found(person: str, document: dict, says: str) -> None:
    assert says in wrong(documents() | {person: document}, scene())


def test_a_gap_that_nobody_asked_about_or_that_is_open_is_found() -> None:
    unasked, dirty = scene(), scene()
    unasked.refetches.clear()
    dirty.records[CONTACT] = Known(1, dirty=True)
    assert wrong(documents(), unasked) == f"{CONTACT} was not asked for again"
    assert wrong(documents(), dirty) == f"{CONTACT} is dirty"


def test_without_any_document_every_story_is_wrong() -> None:
    assert all(finding.wrong for finding in found({}, Scene()))
