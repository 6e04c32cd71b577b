"""What of the company's org is known, and the settings by which the sync reads it."""

import asyncio
from pathlib import Path

import pytest

from agents.backlog import BehindError
from agents.local.company.books import OBJECTS
from agents.local.company.sales import org_history
from agents.local.demo.crm import org_server, sync_settings, taken_in, unknown
from agents.local.demo.scene import Known, Scene
from agents.local.org import Org
from agents.local.org.times import read
from agents.settings import Settings

END = 1_763_850_000_000


@pytest.fixture(scope="module")
def org() -> Org:
    return org_history(7, 5, END).org


def all_known(org: Org) -> dict[str, Known]:
    every = (row for entity in OBJECTS for row in org.rows(entity, deleted=True))
    return {
        row["Id"]: Known(read(row["SystemModstamp"]), deleted=bool(row.get("IsDeleted")), dirty=False) for row in every
    }


def test_nothing_is_unknown_when_every_record_is_known_as_it_is(org: Org) -> None:
    assert len(all_known(org)) > 200
    assert unknown(org, all_known(org)) == []
    asyncio.run(taken_in(org, Scene(records=all_known(org)), seconds=1))


@pytest.mark.parametrize("changed", [{"modified_at": 1}, {"deleted": True}, {"dirty": True}])
def test_a_record_is_unknown_that_is_stale_dirty_or_deleted_on_one_side_only(org: Org, changed: dict) -> None:
    one, *_ = (row["Id"] for row in org.rows("Contact"))
    known = all_known(org)
    assert unknown(org, known | {one: known[one]._replace(**changed)}) == [one]


def test_a_merged_contact_has_to_be_known_as_deleted(org: Org) -> None:
    loser, *others = (row["Id"] for row in org.rows("Contact", deleted=True) if row["IsDeleted"])
    known = all_known(org)
    assert others == []
    assert unknown(org, known | {loser: known[loser]._replace(deleted=False)}) == [loser]


async def test_whoever_waits_in_vain_is_told_for_which_record(org: Org) -> None:
    one, *_ = (row["Id"] for row in org.rows("Contact"))
    known = {each: state for each, state in all_known(org).items() if each != one}
    with pytest.raises(BehindError, match=f"1 Salesforce records, such as {one}"):
        await taken_in(org, Scene(records=known), seconds=0)


def test_the_sync_reads_the_demo_s_org_whatever_org_is_set(org: Org, tmp_path: Path) -> None:
    own = Settings(
        _env_file=None,
        salesforce_login_url="https://acme.my.salesforce.com",
        salesforce_user="integration@acme.example",
        salesforce_writeback_file=tmp_path / "writeback.toml",
        salesforce_objects=("Lead",),
    )
    with org_server(org, tmp_path) as server:
        settings = sync_settings(own, server)
    assert settings.salesforce_login_url == server.url
    assert settings.salesforce_user.endswith("@org.example")
    assert settings.salesforce_writeback_file is None
    assert settings.salesforce_objects == OBJECTS
    assert settings.salesforce_private_key_file is not None
    assert settings.salesforce_private_key_file.stat().st_mode & 0o077 == 0
