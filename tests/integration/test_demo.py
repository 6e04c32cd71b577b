"""The demo as people run it: it ends by itself, and well only if everything came out as it has to."""

from pathlib import Path

import pytest

from agents.local.stack import Stack
from agents.settings import Settings
from tests.conftest import CHECKOUT, Touchline

pytestmark = pytest.mark.integration

DOWNLOADS = ("kafka-lib", "redis-lib")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder of this test's own, so that nobody's demo is wiped; only the downloads are shared."""
    checkout = Settings(_env_file=None, data_dir=CHECKOUT / ".local")
    Stack(checkout).fetch()
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    for name in DOWNLOADS:
        (data_dir / name).symlink_to(CHECKOUT / ".local" / name)
    return Settings(_env_file=None, data_dir=data_dir, rules=CHECKOUT / "rules.toml")


def test_the_demo_takes_in_the_company_s_salesforce_and_every_story_comes_out(
    touchline: Touchline, settings: Settings
) -> None:
    done = touchline.run(settings, "demo", "--once", "--days", "20", timeout_seconds=220)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "Salesforce: the company's org answers at https://127.0.0.1:",
        "merged contacts (1): as it has to be",
        "lost changes (1): as it has to be",
        "verify: clean.",
    ):
        assert line in done.stdout
    assert "as it has to be" in next(line for line in done.stdout.splitlines() if "converted leads (" in line)
    assert "as it has to be" in next(line for line in done.stdout.splitlines() if "shared devices (" in line)
    log = settings.data_dir / "demo" / "salesforce-sync.log"
    assert "Contact: backfill" in log.read_text()
    assert log.read_text().splitlines()[-1] == "salesforce: stopped"
