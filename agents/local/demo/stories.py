"""Demo, part 6.  Stories: what happened in the company on purpose, looked for in what Touchline says of it.  Pure.

In: the documents of people, what is known of records, and the stories.  Out: one finding a story.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from agents.local.company.books import Stories
from agents.local.demo.scene import Known, Scene

Documents = Mapping[str, Mapping[str, Any]]
"""{person: their document of `profile-views`}."""
MOST_HOPS = 10


class Finding(NamedTuple):
    """How one story came out."""

    story: str
    wrong: list[str]
    """What is not as it has to be; empty: well."""

    def __str__(self) -> str:
        return f"{self.story}: " + ("; ".join(self.wrong) or "as it has to be")


def findings(
    documents: Documents, scene: Scene, stories: Stories, shared_devices: Mapping[str, set[str]]
) -> Iterator[Finding]:
    """Look for every story."""
    yield Finding(f"merged contacts ({len(stories.merged)})", list(_not_led(documents, stories.merged)))
    yield Finding(f"converted leads ({len(stories.converted)})", list(_not_led(documents, stories.converted)))
    yield Finding(f"lost changes ({len(stories.lost)})", list(_not_healed(documents, scene, stories.lost)))
    wrong = [*_joined(documents), *_unshared(documents, shared_devices)]
    yield Finding(f"shared devices ({len(shared_devices)})", wrong)


def _not_led(documents: Documents, leads_to: Mapping[str, str]) -> Iterator[str]:
    """Name the records whose document does not lead to that of the record that they became."""
    for record, other in leads_to.items():
        found = documents.get(f"sf:{record}", {}).get("merged_into")
        if found != f"sf:{other}":
            yield f"{record} leads to {found}, expected sf:{other}"


def _not_healed(documents: Documents, scene: Scene, lost: Mapping[str, str]) -> Iterator[str]:
    """Name the records of which a change was lost and not fetched again, or not told to the person."""
    for record, title in lost.items():
        if (record, "gap") not in scene.refetches:
            yield f"{record} was not asked for again"
        if scene.records.get(record, Known()).dirty:
            yield f"{record} is dirty"
        person = _person(documents, f"sf:{record}")
        titles = {each["id"]: each["fields"].get("Title") for each in person.get("salesforce", ())}
        if titles.get(record) != title:
            yield f"{record} has not the title that it was given in the gap"


def _joined(documents: Documents) -> Iterator[str]:
    """Name the users who became one person with another user."""
    for key, document in documents.items():
        users = [alias for alias in document.get("aliases", ()) if alias.startswith("user:")]
        if len(users) > 1 or (key.startswith("user:") and "merged_into" in document):
            yield f"{key} is joined with another user"


def _unshared(documents: Documents, shared_devices: Mapping[str, set[str]]) -> Iterator[str]:
    """Name the shared devices that are nobody's, or whose other links are not counted."""
    for device, users in shared_devices.items():
        document = documents.get(f"anon:{device}", {})
        if document.get("merged_into") not in {f"user:{user}" for user in users}:
            yield f"anon:{device} belongs to {document.get('merged_into')}, expected one of its users"
        if document.get("quarantined_links") != len(users) - 1:
            yield f"anon:{device} has {document.get('quarantined_links')} quarantined links, expected {len(users) - 1}"


def _person(documents: Documents, alias: str) -> Mapping[str, Any]:
    """Follow an alias to the document of its person; empty: there is none."""
    document = documents.get(alias, {})
    for _ in range(MOST_HOPS):
        if "merged_into" not in document:
            break
        document = documents.get(document["merged_into"], {})
    return document
