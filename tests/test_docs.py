"""What we wrote down is what the code says."""

import re
import runpy
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from agents.metrics import WorkerMetrics
from agents.settings import Settings
from agents.settings_table import kind, markdown
from streams import topics
from tests.faults.catalogue import catalogue
from tests.faults.simulator.mutations import all_mutations

CHECKOUT = Path(__file__).parents[1]
REFERENCE = CHECKOUT / "docs" / "reference"
PAGES = runpy.run_path(str(REFERENCE / "generate.py"))["PAGES"]
WRITTEN = sorted([CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *(CHECKOUT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")
FIRST_CELL = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def first_cells(page: str) -> set[str]:
    return set(FIRST_CELL.findall((REFERENCE / page).read_text()))


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_says_what_the_code_says(name: str) -> None:
    expected = PAGES[name]()
    assert len(FIRST_CELL.findall(expected)) > 5
    assert (REFERENCE / name).read_text() == expected, "run: .venv/bin/python docs/reference/generate.py"


def test_every_topic_is_in_the_reference() -> None:
    assert first_cells("topics.md") == {topic.name for topic in topics.ALL} != set()


def test_every_setting_is_in_the_reference_and_says_what_it_means() -> None:
    assert first_cells("settings.md") == {f"TOUCHLINE_{name.upper()}" for name in Settings.model_fields} != set()
    assert all((field.description or "").endswith(".") for field in Settings.model_fields.values())


def test_the_settings_table_gives_bounds_choices_and_what_a_secret_is() -> None:
    said = {name: kind(field) for name, field in Settings.model_fields.items()}
    assert said["partitions"] == "whole number, 1 to 1,024"
    assert said["requests_per_second"] == "whole number, at least 1"
    assert said["clock"] == "`wall` or `log`"
    assert said["app_id"].startswith("text like `^")
    assert said["write_keys"] == "list of secrets"
    assert said["write_keys_file"] == "path"


def test_no_cell_of_the_settings_table_breaks_its_row() -> None:
    lines = [line for line in markdown(Settings).splitlines() if line.startswith("|")]
    assert len(lines) > 10
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {5}


def test_every_metric_of_a_worker_is_in_the_reference_under_the_name_that_prometheus_stores() -> None:
    exposed = re.findall(r"^# TYPE (\S+)", generate_latest(WorkerMetrics().registry).decode(), re.MULTILINE)
    assert len(exposed) > 10
    assert set(exposed) <= first_cells("metrics.md")


def test_every_link_between_our_pages_leads_somewhere() -> None:
    links = [(page, target) for page in WRITTEN for target in LINK.findall(page.read_text())]
    assert links
    assert [f"{page.name}: {target}" for page, target in links if not (page.parent / target).exists()] == []


def test_every_make_target_that_we_name_is_there() -> None:
    named = {target for page in WRITTEN for target in re.findall(r"`make ([a-z-]+)`", page.read_text())}
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named
    assert named <= targets


def test_what_the_page_of_faults_names_is_there() -> None:
    page = (CHECKOUT / "docs" / "faults.md").read_text()
    rows = [line.split("|") for line in page[page.index("| what stock Faust does |") :].splitlines()[2:]]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row[3])}
    tests = "\n".join(path.read_text() for path in (CHECKOUT / "tests").rglob("test_*.py"))
    there = {fault.name for fault in catalogue()} | {mutation.__name__ for mutation in all_mutations()}
    assert len(rows) > 15
    assert {row[1] for row in rows if "`" not in row[3]} == set()
    assert {name for name in named if name not in there and f"def {name}(" not in tests} == {"agents/settings.py"}
