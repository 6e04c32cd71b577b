"""What these tests share: a client that signs in at the simulated org, and hurries."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents.local.org import OrgServer
from agents.settings import Settings
from agents.sources.salesforce.budget import CallBudget
from agents.sources.salesforce.calls import CarefulSession, Patience
from agents.sources.salesforce.client import Client
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.kafka import Batch
from agents.sources.salesforce.metrics import SyncMetrics
from agents.sources.salesforce.records import Record

HURRIED = Patience(connect_seconds=2, read_seconds=1, tries=3, first_pause_seconds=0.01, longest_pause_seconds=0.5)


@pytest.fixture
def org_settings(salesforce: OrgServer, tmp_path: Path) -> Callable[..., Settings]:
    """Settings that sign in at the org by JWT, and others."""
    door = salesforce.interface.door
    values = {
        "salesforce_login_url": salesforce.url,
        "salesforce_ca_file": salesforce.ca_file,
        "salesforce_user": door.user,
        "salesforce_consumer_key": SecretStr(door.consumer_key),
        "salesforce_private_key_file": salesforce.key_file,
        "data_dir": tmp_path,
    }
    return lambda **others: Settings(_env_file=None, **(values | others))


@pytest.fixture
def session(org_settings: Callable[..., Settings]) -> Iterator[CarefulSession]:
    yield from opened(org_settings())


@pytest.fixture
def client(session: CarefulSession, org_settings: Callable[..., Settings]) -> Client:
    return Client(org_settings(), session)


@dataclass
class Shelf:
    """In place of the publisher: keeps what was committed.  The real one is in the integration tests."""

    batches: list[Batch] = field(default_factory=list)
    failing: bool = False

    async def publish(self, batch: Batch) -> None:
        if self.failing:
            raise TimeoutError
        self.batches.append(batch)

    @property
    def records(self) -> list[Record]:
        return [record for batch in self.batches for record in batch.records]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def desk(org_settings: Callable[..., Settings], client: Client, shelf: Shelf, said: list[str]) -> Desk:
    return Desk(org_settings(), client, shelf, SyncMetrics(), said.append)


def opened(settings: Settings, budget: CallBudget | None = None) -> Iterator[CarefulSession]:
    with CarefulSession(
        budget or CallBudget(settings.salesforce_calls_a_day),
        SyncMetrics(),
        login_url=settings.salesforce_login_url,
        ca_file=settings.salesforce_ca_file,
        patience=HURRIED,
    ) as session:
        yield session
