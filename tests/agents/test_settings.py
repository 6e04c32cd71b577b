"""Settings: read from the environment, all wrong ones at once; the example file and the table know every one."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents import settings_table
from agents.settings import Clock, Settings, SettingsError, load

EXAMPLE = Path(__file__).parents[2] / ".env.example"
ROW = re.compile(r"^#?\s?(TOUCHLINE_[A-Z_]+)=(.*)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of the developer


def test_defaults_need_no_environment() -> None:
    settings = load()
    assert settings.partitions == 8
    assert settings.clock is Clock.wall


def test_the_environment_wins_over_the_env_file(monkeypatch, tmp_path) -> None:
    (tmp_path / ".env").write_text("TOUCHLINE_PARTITIONS=3\nTOUCHLINE_TICK_MS=200\n")
    monkeypatch.setenv("TOUCHLINE_PARTITIONS", "5")
    settings = load()
    assert (settings.partitions, settings.tick_ms) == (5, 200)


def test_lists_are_comma_separated_and_blank_ones_empty(monkeypatch) -> None:
    monkeypatch.setenv("TOUCHLINE_WRITE_KEYS", "a,b,")
    monkeypatch.setenv("TOUCHLINE_CORS_ORIGINS", "")
    settings = load()
    assert settings.write_keys == (SecretStr("a"), SecretStr("b"))
    assert settings.cors_origins == ()


def test_every_wrong_setting_is_named(monkeypatch) -> None:
    monkeypatch.setenv("TOUCHLINE_PARTITIONS", "0")
    monkeypatch.setenv("TOUCHLINE_APP_ID", "Ünique")
    monkeypatch.setenv("TOUCHLINE_STORE", "paper")
    with pytest.raises(SettingsError) as raised:
        load()
    assert set(re.findall(r"TOUCHLINE_\w+", str(raised.value))) == {
        "TOUCHLINE_PARTITIONS",
        "TOUCHLINE_APP_ID",
        "TOUCHLINE_STORE",
    }


def test_each_setting_says_what_it_means() -> None:
    assert len(Settings.model_fields) > 20
    assert all(field.description for field in Settings.model_fields.values())


def written(value: object) -> str:
    """A value as an environment variable has it."""
    if value is None:
        return ""
    return ",".join(value) if isinstance(value, list) else str(value)


def test_the_example_file_has_every_setting_with_its_default() -> None:
    listed = dict(ROW.findall(EXAMPLE.read_text()))
    defaults = settings_table.in_force(Settings())
    expected = {settings_table.variable(name): written(value) for name, value in defaults.items()}
    assert listed == expected != {}


def test_the_markdown_table_has_one_row_a_setting() -> None:
    rows = settings_table.markdown(Settings).splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [settings_table.variable(name) for name in Settings.model_fields]


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("redis://127.0.0.1:1/0", "redis://127.0.0.1:1/0"),
        ("rediss://:pass@host/1", "rediss://***@host/1"),
        ("redis://host:1/0?password=pass", "redis://host:1/0"),
        ("redis://host:nan/0", "***"),
        ("https://key", "***"),
        ("key", "***"),
        ("", ""),
    ],
)
def test_secrets_are_masked_but_the_place_is_seen(secret, shown) -> None:
    assert settings_table.masked(secret) == shown
