import json

import pytest

from streams.events import Forget, Rejected, Split
from streams.identity import Command, encode_command, parse_command

T0 = 1_760_000_000_000


@pytest.mark.parametrize(("name", "apart"), [("split", True), ("join", False)])
def test_a_command_counts_from_when_kafka_had_it(name: str, apart: bool) -> None:
    value = encode_command(Command("anon:a1", "c1"))
    assert parse_command(name, value, kafka_timestamp=T0) == Split("anon:a1", apart, "c1", T0, T0)


def test_a_word_to_forget_is_received_when_kafka_had_it() -> None:
    value = encode_command(Command("user:u1", "c1"))
    assert parse_command("forget", value, kafka_timestamp=T0) == Forget("user:u1", received_at=T0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("forget-me", encode_command(Command("anon:a1", "c1"))),
        ("split", None),
        ("split", b"{"),
        ("split", json.dumps({"alias": "anon:a1"}).encode()),
        ("split", encode_command(Command("a1", "c1"))),
        ("split", encode_command(Command("anon:", "c1"))),
        ("split", encode_command(Command("device:a1", "c1"))),
        ("split", encode_command(Command("anon:" + "a" * 330, "c1"))),
    ],
)
def test_what_names_no_command_or_no_alias_is_refused(name: str, value: bytes | None) -> None:
    found = parse_command(name, value, kafka_timestamp=T0)
    assert isinstance(found, Rejected)
    assert found.reason == "bad-command"
    assert "a1" not in found.detail
