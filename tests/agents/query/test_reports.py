"""What `touchline report` prints, from totals in a real Redis."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from rich.console import Console

from agents.commands import reports as commands
from agents.local.processes import free_port
from agents.partitions import partition_of
from agents.query import live, reports
from agents.query.report_text import Shown, as_csv, as_json, hundredths, lines
from agents.settings import Settings
from agents.sinks.redis.keys import Keys, Kind, partitions_key
from streams.attribution import (
    OF_PEOPLE,
    OF_TOUCHES,
    Cell,
    Contribution,
    Dimension,
    Measure,
    Model,
    Report,
    Row,
    field_of,
    from_account,
    from_person,
    report,
)
from streams.personas.persona import Persona

ACME, BYTE = "001000000000001AAA", "001000000000002AAA"
PAGE = (Path(__file__).parents[3] / "docs" / "reports.md").read_text()
THIRDS = [333_333, 333_333, 333_334]


@pytest.fixture
def settings(redis_server: Any) -> Settings:
    made = Settings(_env_file=None, app_id="test-v1", redis_url=SecretStr(redis_server.address), partitions=4)
    with redis.Redis.from_url(redis_server.address) as client:
        client.flushall()
        client.set(partitions_key(made.app_id), made.partitions)
    return made


def put(settings: Settings, partition: int, cells: dict[str, int]) -> None:
    keys = Keys(settings.app_id, partition)
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        client.set(keys.offset(Kind.contribution), 1)
        for field, amount in cells.items():
            client.hincrby(keys.totals, field, amount)


def put_contribution(settings: Settings, partition: int, contribution: Contribution) -> None:
    put(settings, partition, {field_of(cell): amount for cell, amount in contribution.items()})


def put_account(settings: Settings, account: str, **state: Any) -> None:
    keys = Keys(settings.app_id, partition_of(account, settings.partitions))
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        client.hset(keys.document(Kind.account, account), "doc", json.dumps({"account": account} | state))


def attribution(settings: Settings, dimension: Dimension = Dimension.campaign, **more: Any) -> int:
    return reports.run(
        settings, dimension, more.pop("model", Model.linear), **({"written": "table", "top": None} | more)
    )


def people(settings: Settings, dimension: Dimension = Dimension.account, **more: Any) -> int:
    return reports.run(settings, dimension, None, **({"written": "table", "top": None} | more))


def three_campaigns(settings: Settings) -> None:
    for number, (campaign, part) in enumerate(zip(["Spring sale", "autumn", "winter"], THIRDS, strict=True)):
        put(settings, number, {f"ceu:{campaign}": part, f"c-s:{campaign}": 1000 * number, f"cea:{campaign}": 4_666_67})
        put(settings, 3, {f"ceu:{campaign}": 1_000_000, f"cfu:{campaign}": 7, f"hfu:{campaign}": 7})


def test_a_report_sums_the_partitions_and_its_total_is_the_last_line(settings: Settings, capsys) -> None:
    three_campaigns(settings)
    assert attribution(settings) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["Attribution", "by", "campaign,", "model", "linear"],
        ["campaign", "sessions", "sign-ups", "opportunities", "won", "ARR", "USD"],
        ["winter", "2,000", "1.34", "0", "0", "4,666.67"],
        ["autumn", "1,000", "1.33", "0", "0", "4,666.67"],
        ["Spring", "sale", "0", "1.33", "0", "0", "4,666.67"],
        ["total", "3,000", "4.00", "0", "0", "14,000.01"],
    ]


def test_csv_is_exact_and_ends_with_the_total(settings: Settings, capsys) -> None:
    three_campaigns(settings)
    assert attribution(settings, written="csv") == 0
    assert capsys.readouterr().out.splitlines() == [
        "campaign,sessions,sign_ups,opportunities,won,arr,currency",
        "winter,2000,1.333334,0,0,4666.67,USD",
        "autumn,1000,1.333333,0,0,4666.67,USD",
        "Spring sale,0,1.333333,0,0,4666.67,USD",
        "total,3000,4,0,0,14000.01,USD",
    ]


def test_json_has_integers_and_says_their_units(settings: Settings, capsys) -> None:
    three_campaigns(settings)
    assert attribution(settings, written="json", top=1) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: found[name] for name in ("by", "model", "currency")} == {
        "by": "campaign", "model": "linear", "currency": "USD",
    }  # fmt: skip
    assert found["rows"][0] == {
        "value": "winter", "sessions": 2000, "sign_ups_millionths": 1_333_334, "opportunities_millionths": 0,
        "won_millionths": 0, "arr_minor": 466_667,
    }  # fmt: skip
    assert [row["value"] for row in found["rows"]] == ["winter", "(2 others)"]
    assert found["total"]["arr_minor"] == sum(row["arr_minor"] for row in found["rows"]) == 1_400_001


def test_a_table_shows_20_rows_and_one_of_the_others(settings: Settings, capsys) -> None:
    put(settings, 0, {f"c-s:campaign {number:02}": 100 - number for number in range(25)})
    assert attribution(settings) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 20 + 2
    assert lines[-2].split() == ["(5", "others)", "390", "0", "0", "0", "0.00"]
    assert attribution(settings, written="csv") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 25 + 1


def test_a_late_change_is_in_the_next_report_without_a_rebuild(settings: Settings, capsys) -> None:
    put(settings, 0, {"cla:spring": 500})
    put(settings, 0, {"cla:spring": -500, "cla:summer": 500})
    assert attribution(settings, model=Model.last, written="csv") == 0
    assert "summer,0,0,0,0,5.00,USD" in capsys.readouterr().out


def test_people_and_arr_by_account_have_its_name_and_the_corporate_currency(settings: Settings, capsys) -> None:
    persona = Persona("product", "vp", "software", "11-50", 1)
    put_contribution(settings, 0, from_person(persona, "CPO", ACME, 1200))
    put_contribution(settings, 1, from_person(persona, "CTO", None, 0))
    put_contribution(settings, 2, from_account(BYTE, 300, 0))
    put_contribution(settings, 3, from_account(ACME, 1200, 1200))
    put_account(settings, ACME, name="Acme, Inc.", currency="JPY")
    put_account(settings, BYTE, deleted=True)
    assert people(settings, written="csv") == 0
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [
        ["account", "name", "people", "arr", "currency"],
        [ACME, "Acme, Inc.", "1", "1200", "JPY"],
        [BYTE, "", "0", "300", "JPY"],
        ["(no account)", "", "1", "0", "JPY"],
        ["total", "", "2", "1500", "JPY"],
    ]
    assert people(settings) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:4] == [["account", "people", "ARR", "JPY"], ["Acme,", "Inc.", "1", "1,200"], [BYTE, "0", "300"]]
    assert people(settings, Dimension.persona) == 0
    assert "product / software / 11-50       2    1,200" in capsys.readouterr().out


def test_the_currency_is_that_of_the_account_with_most_arr(settings: Settings, capsys) -> None:
    put_contribution(settings, 0, from_account(ACME, 300, 0))
    put_contribution(settings, 1, from_account(BYTE, 900, 0))
    put_account(settings, ACME, currency="EUR")
    put_account(settings, BYTE, currency="CHF")
    assert people(settings, Dimension.role, written="csv") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "total,0,12.00,CHF"


def test_totals_are_of_the_dimensions_that_are_asked_for(settings: Settings) -> None:
    put(settings, 0, {"c-s:spring": 1, "h-s:Email": 1, "a-a:001": 5})
    put(settings, 3, {"c-s:spring": 2})
    with live.opened(settings) as model:
        found = model.totals({Dimension.campaign})
    assert found == {Cell(Dimension.campaign, "spring", None, Measure.sessions): 3}


def test_every_table_fits_80_columns_and_names_are_safe_on_a_terminal(settings: Settings, capsys) -> None:
    hostile = "\x1b[31m[red]" + "x" * 85
    put(settings, 0, {f"c-s:{hostile}": 10**9, f"ceu:{hostile}": 10**12 + 1, f"cea:{hostile}": 10**15})
    assert attribution(settings) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "10,000,000,000,000.00" in out
    assert "\x1b[31m" not in out
    assert "[red]" in out


@pytest.mark.parametrize(("name", "written"), [("=1+1", "'=1+1"), ("-50 %", "'-50 %"), ("a\rb\n", "a\ufffdb\ufffd")])
def test_a_name_stays_on_its_line_of_a_csv_and_is_nothing_to_compute(name: str, written: str) -> None:
    made = report({Cell(Dimension.campaign, name, None, Measure.sessions): 1}, Dimension.campaign, Model.first)
    assert as_csv(Shown(made, Dimension.campaign, Model.first, "USD")).split("\n")[1].startswith(f"{written},1,")


def test_what_a_later_release_added_is_passed_over(settings: Settings, capsys) -> None:
    put(settings, 0, {"c-s:spring": 1, "?-s:spring": 1, "x": 1})
    assert attribution(settings, written="csv") == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["spring,1,0,0,0,0.00,USD", "total,1,0,0,0,0.00,USD"]


@pytest.mark.parametrize("in_the_shell", [1, 2, 16])
def test_how_many_partitions_are_summed_redis_says_and_not_the_shell(
    settings: Settings, capsys, in_the_shell: int
) -> None:
    three_campaigns(settings)
    put_account(settings, BYTE, currency="CHF")
    put_contribution(settings, 3, from_account(BYTE, 900, 0))
    shell = settings.model_copy(update={"partitions": in_the_shell})
    assert attribution(shell, written="csv") == 0
    assert capsys.readouterr().out.splitlines()[-1].split(",")[1] == "3000"
    assert people(shell, written="csv") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "total,,0,9.00,CHF"


def test_a_redis_that_nothing_has_written_says_what_to_do(settings: Settings, capsys) -> None:
    assert attribution(settings.model_copy(update={"app_id": "test-v2"})) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "how many partitions `test-v2` has" in line
    assert "touchline views rebuild" in line


def test_nothing_there_says_what_to_do(settings: Settings, capsys) -> None:
    assert attribution(settings) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "touchline worker" in line
    assert "touchline views rebuild" in line


def test_totals_that_came_back_to_nothing_are_a_report_of_nothing(settings: Settings, capsys) -> None:
    put(settings, 0, {})
    assert attribution(settings, written="csv") == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["total,0,0,0,0,0.00,USD"]


def test_redis_away_is_one_line_that_says_where(settings: Settings, capsys) -> None:
    away = settings.model_copy(update={"redis_url": SecretStr(f"redis://:secret@127.0.0.1:{free_port()}/0")})
    assert attribution(away) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "TOUCHLINE_REDIS_URL" in line
    assert "secret" not in line


def test_a_total_that_somebody_spoilt_says_how_it_is_mended(settings: Settings, capsys) -> None:
    put(settings, 0, {"c-s:spring": 1})
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        client.hset(Keys(settings.app_id, 0).totals, "c-s:spring", "many")
    assert attribution(settings) == 1
    assert "touchline views rebuild" in capsys.readouterr().err


def test_the_choices_of_the_command_are_those_of_the_core() -> None:
    assert set(commands.Touches) == set(OF_TOUCHES)
    assert set(commands.People) == set(OF_PEOPLE)
    assert list(commands.Models) == list(Model)


amounts = st.integers(0, 10**12)


@given(st.lists(amounts, max_size=30))
def test_rounded_parts_sum_to_the_rounded_total_and_none_is_a_hundredth_off(parts: list[int]) -> None:
    whole = [*parts, -sum(parts) % 1_000_000]  # a total of whole conversions
    rounded = hundredths(whole)
    assert sum(rounded) * 10_000 == sum(whole)
    assert all(abs(shown * 10_000 - part) < 10_000 for shown, part in zip(rounded, whole, strict=True))


rows = st.lists(
    st.builds(Row, st.text(max_size=20), amounts, amounts, amounts, amounts, st.integers(-(10**15), 10**15)), max_size=8
)


@given(rows, st.sampled_from(["USD", "JPY", "KWD"]))
def test_the_parts_of_csv_and_json_sum_exactly_to_the_total(found: list[Row], currency: str) -> None:
    sums = {measure: sum(getattr(row, measure) for row in found) for measure in Measure}
    shown = Shown(Report(tuple(found), Row("total", **sums)), Dimension.campaign, Model.first, currency)
    made = json.loads(as_json(shown))
    for name, amount in made["total"].items():
        assert name == "value" or amount == sum(row[name] for row in made["rows"])
    header, *body, total = csv.reader(io.StringIO(as_csv(shown)))
    for column in range(1, len(header) - 1):
        parts = [_scaled(line[column]) for line in body]
        assert sum(parts) == _scaled(total[column])
    assert len(lines(shown)) == len(found) + 1


def _scaled(text: str) -> int:
    """Decimal text in units of 10^-6."""
    units, _, rest = text.removeprefix("-").partition(".")
    return (-1 if text.startswith("-") else 1) * int(units + rest.ljust(6, "0"))


CHANNELS = Report(
    (
        Row("Organic Search", 1204, 33_666_667, 8_500_000, 3_333_333, 41_200_00),
        Row("Email", 310, 12_333_333, 4_500_000, 1_666_667, 18_800_00),
        Row("(unattributed)", 17, 2_000_000),
    ),
    Row("total", 1531, 48_000_000, 13_000_000, 5_000_000, 60_000_00),
)
ACCOUNTS = Report(
    (Row(ACME, arr=36_000_00, people=4), Row(BYTE, arr=24_000_00, people=2), Row("(9 others)", people=31)),
    Row("total", arr=60_000_00, people=37),
)


@pytest.mark.parametrize(
    "shown",
    [
        Shown(CHANNELS, Dimension.channel, Model.linear, "USD"),
        Shown(ACCOUNTS, Dimension.account, None, "USD", {ACME: "Acme, Inc.", BYTE: "Byte & Co"}),
    ],
    ids=["attribution", "personas"],
)
def test_the_page_shows_tables_as_they_are_printed(shown: Shown) -> None:
    printed = io.StringIO()
    reports.show(shown, Console(file=printed, width=80))
    table = "\n".join(line.rstrip() for line in printed.getvalue().splitlines())
    assert f"\n{table}\n```" in PAGE
