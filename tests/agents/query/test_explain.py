"""What `explain` says, from documents in a real Redis."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from rich.console import Console

from agents.partitions import partition_of
from agents.query import explain
from agents.query.explain import Found
from agents.query.versions import File
from agents.settings import Settings
from agents.sinks.redis.keys import Keys, Kind, partitions_key
from streams.policy import parse_policy

INSTANTS = [f"2025-09-{day:02d}T12:00:00.{day:03d}Z" for day in range(1, 21)]
TOUCH = {
    "at": "2025-09-01T10:00:00.000Z", "channel": "Paid Search", "ga4": "Paid Search", "source": "google",
    "medium": "cpc", "campaign": "spring [50% off]", "landing": "shop.example/" + "very-long-path/" * 12,
}  # fmt: skip
ALMOST: dict[str, Any] = {
    "person": "user:u1", "user_id": "u1", "aliases": ["anon:a1", "user:u1"], "email": "ada@example.com",
    "name": "Ada Lovelace", "as_of": "2025-10-01T00:00:00.000Z",
    "first_touch": TOUCH, "last_touch": TOUCH | {"channel": "Direct"}, "last_non_direct_touch": None,
    "counts": {"Report Viewed": {"count": 20, "exact": True}, "Login": {"count": 5000, "exact": False}},
    "segments": {"power-users": {
        "member": False, "entered_at": None, "left_at": None, "rule_version": 1, "conditions": [
        {"event": "Report Viewed", "within_seconds": 2592000, "required": 21, "count": 20, "holds": False,
         "counted": INSTANTS},
        {"event": "Dashboard Shared", "within_seconds": 2592000, "required": 1, "count": 1, "holds": True,
         "counted": INSTANTS[:1]}]}},
    "asks": {},
}  # fmt: skip
ASKED: dict[str, Any] = ALMOST | {
    "segments": {"power-users": ALMOST["segments"]["power-users"] | {
        "member": True, "entered_at": "2025-09-30T08:53:20.123Z"}},
    "asks": {"review": {"trigger_id": "6f1c0c9e-0d0a-5f0a-9d3c-2b7c6a5b4c3d", "verdict": "asked",
                        "decided_at": "2025-09-30T08:53:21.000Z",
                        "gates": [{"gate": "in_segment", "passed": True, "detail": "power-users since 08:53:20"},
                                  {"gate": "cooldown", "passed": True, "detail": None}]},
             "tweet": {"trigger_id": None, "verdict": "cooldown", "decided_at": "2025-09-30T08:53:21.000Z",
                       "gates": [{"gate": "cooldown", "passed": False, "detail": "asked 3 days ago"}]}},
}  # fmt: skip


RULES = """
version = 1
[[segments]]
name = "power-users"
rule = { all = [
    { count = { event = "Report Viewed", more_than = 20, within = "30d" } },
    { count = { event = "Dashboard Shared", at_least = 1, within = "30d" } },
] }
"""
"""As those by which the documents above were made."""


@pytest.fixture
def settings(redis_server: Any) -> Settings:
    made = Settings(_env_file=None, app_id="test-v1", redis_url=SecretStr(redis_server.address), partitions=8)
    with redis.Redis.from_url(redis_server.address) as client:
        client.flushall()
    return made


def put(settings: Settings, document: dict[str, Any]) -> None:
    person = document["person"]
    keys = Keys(settings.app_id, partition_of(person, settings.partitions))
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        client.hset(
            keys.document(Kind.profile, person), mapping={"doc": json.dumps(document), "offset": 1, "members": ""}
        )
        client.set(keys.offset(Kind.profile), 1)
        client.set(partitions_key(settings.app_id), settings.partitions)


def shown(
    document: dict[str, Any], asked_as: str = "user:u1", width: int = 80, refused: int = 0, rules: str | None = None
) -> str:
    """What explain prints; `rules`: of the file in the shell, None: as the document has them."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    file = File("rules.toml", parse_policy(RULES if rules is None else rules) if rules != "" else None)
    explain.show(Found(document, b"", asked_as, refused), file, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def test_why_not_names_the_condition_that_fails_and_how_much_is_missing() -> None:
    text = in_one_line(shown(ALMOST))
    assert "no Not a member, by rules version 1." in text
    assert "fails Report Viewed: 20 of 21 within 30 days, 1 short" in text
    assert "holds Dashboard Shared: 1 of 1 within 30 days" in text
    assert "None decided: an ask is decided when the person enters its segment." in text


def test_the_instants_that_counted_are_shown() -> None:
    text = shown(ALMOST)
    assert all(instant in text for instant in INSTANTS)


def test_of_many_instants_the_latest_are_shown_and_the_rest_counted() -> None:
    condition = {
        "event": "E",
        "within_seconds": 90,
        "required": 100,
        "count": 100,
        "holds": True,
        "counted": ["x"] * 100,
    }
    segments = {"s": {"member": True, "entered_at": "2025-09-30T08:53:20.123Z", "conditions": [condition]}}
    text = in_one_line(shown(ALMOST | {"segments": segments}))
    assert "E: 100 of 100 within 90 seconds" in text
    assert "and 70 earlier ones (--json shows all)" in text


def test_why_gives_each_gates_verdict_and_the_triggers_id() -> None:
    text = in_one_line(shown(ASKED))
    assert "yes A member since 2025-09-30 08:53:20.123, entered by rules version 1." in text
    assert "Asked at 2025-09-30 08:53:21.000. trigger 6f1c0c9e-0d0a-5f0a-9d3c-2b7c6a5b4c3d" in text
    assert "passed in segment: power-users since 08:53:20" in text
    assert "no Not asked; decided at 2025-09-30 08:53:21.000: cooldown. failed cooldown: asked 3 days ago" in text


def test_a_trigger_that_was_taken_back_says_since_when() -> None:
    (ask,) = [one for one in ASKED["asks"].values() if one.get("trigger_id")]
    asks = {"review": ask | {"withdrawn_at": "2025-10-01T08:00:00.000Z"}}
    assert "no Withdrawn at 2025-10-01 08:00:00.000:" in in_one_line(shown(ASKED | {"asks": asks}))


def test_who_touches_and_counts_stand_first() -> None:
    text = in_one_line(shown(ALMOST, asked_as="anon:a1", refused=2))
    assert text.startswith("user:u1 Ada Lovelace <ada@example.com> anon:a1 belongs to this person.")
    assert "known as anon:a1, user:u1" in text
    assert "first touch 2025-09-01 10:00:00.000 Paid Search, google / cpc, campaign spring [50% off], landing" in text
    assert "last not direct none known" in text
    assert "links refused 2 of anon:a1" in text
    assert "Report Viewed 20" in text
    assert "Login 5000 (to the hour at the window's edge)" in text
    assert "as of 2025-10-01 00:00:00.000 UTC" in text


def test_who_the_person_is_at_work_and_what_the_account_pays_is_told() -> None:
    business = {
        "salesforce": [{"id": "003000000000001AAA", "object": "Contact", "fields": {"Title": "VP [Product]"}}],
        "persona": {"role": "product", "seniority": "vp", "industry": "software", "size": "201-1000"},
        "account": {
            "id": "001000000000001AAA", "name": "Acme", "industry": "Software", "employees": 1400, "currency": "USD",
            "arr": 123456789, "owner": {"id": "005000000000001AAA", "name": "Eve Ng"},
        },
    }  # fmt: skip
    text = shown(ALMOST | business)
    assert "Contact 003000000000001AAA, VP [Product]" in text
    assert "product, vp, software, 201-1000" in text
    assert "Acme, Software, 1,400 employees, ARR 1,234,567.89 USD, owner Eve Ng" in " ".join(text.split())
    known = shown(ALMOST | {"company": {"domain": "acme.com", "employees": 400}})
    assert "company acme.com, 400 employees" in " ".join(known.split())
    assert "001000000000009AAA" in shown(ALMOST | {"account": {"id": "001000000000009AAA"}})


def test_who_left_is_told_when() -> None:
    segment = ALMOST["segments"]["power-users"] | {"left_at": "2025-09-30T08:53:20.123Z"}
    text = in_one_line(shown(ALMOST | {"segments": {"power-users": segment}}))
    assert "no Left at 2025-09-30 08:53:20.123; had entered by rules version 1." in text


OWN = "as of 2025-10-01 00:00:00.000, by the document's own rules:"
STRICTER = RULES.replace("more_than = 20", "more_than = 29")


def test_the_version_that_decided_is_named_and_no_more_where_the_file_here_is_the_same() -> None:
    text = in_one_line(shown(ALMOST))
    assert "decided by rules version 1 as of 2025-10-01" in text
    assert "rules.toml" not in text
    assert OWN not in text


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (
            STRICTER.replace("version = 1", "version = 2"),
            "rules version 1; rules.toml here is version 2 and has other conditions: shown are the document's",
        ),
        (
            RULES.replace("version = 1", "version = 2"),
            "rules version 1; rules.toml here is version 2 and has the same conditions",
        ),
        (STRICTER, "rules version 1; rules.toml here says 1, too, but has other conditions: shown are the document's"),
        ("version = 1", "rules version 1; rules.toml here says 1, too, but has other conditions"),
        ("", "rules version 1; rules.toml cannot be read here, so it was not compared"),
    ],
)
def test_another_rules_file_in_the_shell_is_said_and_computes_nothing(rules: str, sentence: str) -> None:
    text = in_one_line(shown(ALMOST, rules=rules))
    assert sentence in text
    assert f"Not a member, by rules version 1. {OWN} fails" in text
    assert "Report Viewed: 20 of 21 within 30 days, 1 short" in text
    assert "of 30 within" not in text


def test_conditions_of_rules_that_came_after_the_entering_are_not_shown_as_its_version() -> None:
    """Who stays in through a change of the rules keeps the version of the entering; conditions are of today's."""
    stayed = ASKED["segments"]["power-users"]
    newer = {"member": False, "entered_at": None, "left_at": None, "rule_version": 2, "conditions": []}
    both = ASKED | {"segments": {"power-users": stayed, "readers": newer}}
    text = in_one_line(shown(both, rules=RULES.replace("version = 1", "version = 2")))
    assert "rules versions 1 and 2, as each segment says; rules.toml here says 2, too, but has other" in text
    assert f"entered by rules version 1. {OWN}" in text
    assert "Not a member, by rules version 2." in text


def test_versions_are_named_in_their_order() -> None:
    segments = {name: {"member": False, "rule_version": version} for name, version in (("a", 10), ("b", 9), ("c", 2))}
    assert "rules versions 2, 9 and 10, as each segment says" in in_one_line(shown(ALMOST | {"segments": segments}))


def test_without_segments_there_is_no_version_to_name() -> None:
    nothing = ALMOST | {"segments": {}}
    assert (
        "decided by rules without segments, which say no version; rules.toml here is version 1 and has other"
        in in_one_line(shown(nothing))
    )
    anonymous = {"person": "anon:a1", "user_id": None, "aliases": ["anon:a1"], "segments": {}, "asks": {}}
    assert "decided by" not in shown(anonymous, "anon:a1")


@pytest.mark.parametrize("rules", ["version = 2", "no toml ["])
def test_the_command_compares_the_document_with_the_rules_file_of_the_shell(
    settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path, rules: str
) -> None:
    put(settings, ALMOST)
    file = tmp_path / "rules.toml"
    file.write_text(rules)
    assert explain.run(settings.model_copy(update={"rules": file}), "u1", as_json=False) == 0
    printed = in_one_line(capsys.readouterr().out)
    assert ("is version 2 and has other" if rules == "version = 2" else "cannot be read here") in printed


def test_an_anonymous_person_learns_why_there_are_no_segments() -> None:
    document = {"person": "anon:a1", "user_id": None, "aliases": ["anon:a1"], "segments": {}, "asks": {}}
    assert "only people with a userId are in segments" in in_one_line(shown(document, "anon:a1"))


@pytest.mark.parametrize("document", [ALMOST, ASKED, {"person": "user:" + "u" * 200}])
def test_every_line_fits_80_columns(document: dict[str, Any]) -> None:
    assert max(map(len, shown(document).splitlines())) <= 80


def test_escape_codes_in_names_do_not_reach_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\N{RIGHT-TO-LEFT OVERRIDE}[red]"
    text = shown(
        ALMOST | {"name": evil, "email": evil, "aliases": [evil], "counts": {evil: {"count": 1, "exact": True}}}
    )
    assert "\x1b" not in text
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    assert "[red]" in text


@pytest.mark.parametrize("person", ["user:u1", "u1", " u1 ", "anon:a1", "a1", "Ann@example.com"])
def test_a_person_is_found_by_any_name(settings: Settings, capsys: pytest.CaptureFixture[str], person: str) -> None:
    put(settings, ALMOST)
    put(settings, {"person": "anon:a1", "merged_into": "email:ann@example.com"})
    put(settings, {"person": "email:ann@example.com", "merged_into": "user:u1"})
    assert explain.run(settings, person, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == ALMOST


def test_words_are_printed_without_json(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    put(settings, ALMOST)
    assert explain.run(settings, "u1", as_json=False) == 0
    printed = capsys.readouterr().out
    assert "Segment power-users" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_a_circle_of_pointers_ends(settings: Settings) -> None:
    put(settings, {"person": "anon:a1", "merged_into": "anon:a2"})
    put(settings, {"person": "anon:a2", "merged_into": "anon:a1"})
    assert explain.run(settings, "anon:a1", as_json=True) == 1


@pytest.mark.parametrize("in_the_shell", [1, 4, 16])
def test_where_a_person_is_redis_says_and_not_the_shell(
    settings: Settings, capsys: pytest.CaptureFixture[str], in_the_shell: int
) -> None:
    people = [f"user:u{number}" for number in range(20)]
    for person in people:
        put(settings, {"person": person})
    shell = settings.model_copy(update={"partitions": in_the_shell})
    assert [explain.run(shell, person, as_json=True) for person in people] == [0] * 20
    assert [json.loads(line)["person"] for line in capsys.readouterr().out.splitlines()] == people


def test_a_redis_that_nothing_has_written_says_what_to_do(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain.run(settings, "u1", as_json=False) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "how many partitions `test-v1` has" in line
    assert "`touchline worker`" in line
    assert "`touchline views rebuild`" in line
    assert "TOUCHLINE_APP_ID" in line


def test_a_number_of_partitions_that_somebody_spoilt_says_how_it_is_mended(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    put(settings, ALMOST)
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        client.set(partitions_key(settings.app_id), "0")
    assert explain.run(settings, "u1", as_json=False) == 1
    assert "`touchline views rebuild` mends it" in capsys.readouterr().err


def test_nobody_yet_says_how_to_fill_redis(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        client.set(partitions_key(settings.app_id), 8)
    assert explain.run(settings, "u1", as_json=False) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "Nobody is known as user:u1 or anon:u1" in said.err
    assert "touchline views rebuild" in said.err


def test_nobody_in_a_filled_model_says_where_else_to_look(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    one_partition = settings.model_copy(update={"partitions": 1})
    put(one_partition, ALMOST)
    assert explain.run(one_partition, "u2", as_json=False) == 1
    assert "rejected-events" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["redis://:s3cret@127.0.0.1:1/0", "redis://:s3cret@127.0.0.1:nine/0", "http://:s3cret@127.0.0.1/0"]
)
def test_redis_away_is_one_line_with_the_setting_and_no_password(
    settings: Settings, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    away = settings.model_copy(update={"redis_url": SecretStr(url)})
    assert explain.run(away, "u1", as_json=False) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "TOUCHLINE_REDIS_URL" in line
    assert "s3cret" not in line
