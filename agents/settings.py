"""Settings: every knob, from the environment (`TOUCHLINE_*`) or `.env`; all wrong ones are named at once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Clock(StrEnum):
    """Who tells the time."""

    wall = "wall"
    log = "log"


class Store(StrEnum):
    """Where a worker keeps its rows."""

    memory = "memory"
    rocksdb = "rocksdb"


class SettingsError(Exception):
    """Wrong settings: one line each."""


class Settings(BaseSettings):
    """One value of each setting.  `touchline settings` prints this table."""

    model_config = SettingsConfigDict(env_prefix="TOUCHLINE_", env_file=".env", extra="ignore", frozen=True)

    app_id: str = Field(
        "touchline-v2",
        pattern=r"^[a-z0-9][a-z0-9-]{0,60}$",
        description="Names the consumer group, transactional ids and changelogs; a new version starts afresh.",
    )
    kafka_bootstrap: str = Field("127.0.0.1:29092", description="Kafka brokers, host:port, comma-separated.")
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:26379/0"), description="The read model's Redis; may carry a password."
    )
    clock: Clock = Field(Clock.wall, description="wall: real time. log: time marks in the log (replay, demo, tests).")
    rules: Path = Field(Path("rules.toml"), description="The rules file: segments and asks.")
    personas: Path | None = Field(None, description="The map file of personas; empty: the maps that ship.")
    partitions: int = Field(8, ge=1, le=1024, description="Partitions of each topic, set once, at creation.")
    replication: int = Field(1, ge=1, le=5, description="Copies of each partition that `topics create` asks for.")
    tick_ms: int = Field(100, ge=20, le=60_000, description="Milliseconds between ticks of a source without traffic.")
    grace_ms: int = Field(
        100, ge=0, le=60_000, description="How far ticks stay behind wall time: from being received to being in Kafka."
    )
    batch_records: int = Field(4000, ge=1, le=50_000, description="Most records in one transaction.")
    store: Store = Field(Store.memory, description="memory, or rocksdb: rows on disk, fast restarts.")
    data_dir: Path = Field(Path(".local"), description="Where the local stack and RocksDB keep their files.")
    session_timeout_ms: int = Field(10_000, ge=2000, le=300_000, description="Silence after which a worker is dead.")
    instance_id: str = Field("", description="Static membership: a stable name of this worker; empty: none.")
    stall_seconds: int = Field(60, ge=5, le=600, description="Without progress for so long the worker leaves.")
    metrics_port: int = Field(26090, ge=0, le=65535, description="Worker's /metrics, /livez, /readyz; 0: any free.")
    http_host: str = Field("127.0.0.1", description="Where `touchline serve` and the worker's metrics listen.")
    http_port: int = Field(26080, ge=0, le=65535, description="Port of `touchline serve`.")
    write_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Write keys that the collector accepts, comma-separated."
    )
    write_keys_file: Path | None = Field(None, description="A file with one write key a line (a mounted secret).")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Web origins that may call the collector, comma-separated."
    )
    requests_per_second: int = Field(500, ge=1, description="Collector: requests a second and write key, then 429.")
    local_kafka_port: int = Field(29092, ge=1, le=65535, description="Port of the local stack's Kafka.")
    local_redis_port: int = Field(26379, ge=1, le=65535, description="Port of the local stack's Redis.")
    salesforce_login_url: str = Field(
        "https://login.salesforce.com",
        pattern=r"^https://[^/?#@]+$",
        description="Where `touchline salesforce` signs in: the org's My Domain, login or test.salesforce.com.",
    )
    salesforce_user: str = Field("", description="User name of the integration user.")
    salesforce_consumer_key: SecretStr = Field(SecretStr(""), description="Consumer key of the connected app.")
    salesforce_private_key_file: Path | None = Field(
        None, description="PEM file of the connected app's key: sign-in by JWT bearer, the first choice."
    )
    salesforce_consumer_secret: SecretStr = Field(
        SecretStr(""), description="Consumer secret: sign-in by client credentials, the second choice."
    )
    salesforce_consumer_secret_file: Path | None = Field(None, description="A file that holds the consumer secret.")
    salesforce_password: SecretStr = Field(
        SecretStr(""), description="Password of the user: the last choice, as orgs turn SOAP login off."
    )
    salesforce_password_file: Path | None = Field(None, description="A file that holds the password.")
    salesforce_security_token: SecretStr = Field(SecretStr(""), description="Security token of that user.")
    salesforce_security_token_file: Path | None = Field(None, description="A file that holds the security token.")
    salesforce_ca_file: Path | None = Field(None, description="CA certificates, PEM, instead of the usual ones.")
    salesforce_objects: Annotated[tuple[str, ...], NoDecode] = Field(
        ("Lead", "Contact", "Account", "Opportunity", "OpportunityContactRole", "Task", "User"),
        description="Objects to synchronise, comma-separated.",
    )
    salesforce_leave_out: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Fields that are not read, such as Contact.Birthdate, comma-separated."
    )
    salesforce_calls_a_day: int = Field(20_000, ge=100, description="Most API calls in any 24 hours; then we wait.")
    salesforce_bulk_above: int = Field(50_000, ge=1, description="With more records than this Bulk API 2.0 is used.")
    salesforce_poll_seconds: int = Field(60, ge=1, le=86_400, description="Between two looks for changed records.")
    salesforce_reconcile_seconds: int = Field(
        86_400, ge=0, le=2_592_000, description="Between two comparisons of all records; 0: never by itself."
    )
    salesforce_writeback_file: Path | None = Field(
        None, description="TOML that maps what we know to fields of Contact and Lead; empty: nothing is written back."
    )
    salesforce_metrics_port: int = Field(26091, ge=0, le=65535, description="The sync's /metrics; 0: any free.")

    @field_validator("personas", mode="before")
    @classmethod
    def _none_if_empty(cls, value: object) -> object:
        return value or None

    @field_validator("write_keys", "cors_origins", "salesforce_objects", "salesforce_leave_out", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part for part in value.split(",") if part) if isinstance(value, str) else value


def load() -> Settings:
    """Read the settings; raise `SettingsError` that lists all wrong ones."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"TOUCHLINE_{'_'.join(str(part) for part in found['loc']).upper()}: {found['msg']}"
            for found in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from None
