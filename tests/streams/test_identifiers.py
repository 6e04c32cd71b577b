from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.identifiers import anon_alias, is_blocked, is_stronger, normalise, order_key, user_alias


@pytest.mark.parametrize(
    "word",
    [
        *("", " ", "0", "000", "---", "00000000-0000-0000-0000-000000000000", "-1", "null", "NULL", "None", " null "),
        *("undefined", "anonymous", "Guest", "[object Object]", "NaN", "true", "False"),
    ],
)
def test_a_word_that_names_nobody_is_blocked(word: str) -> None:
    assert is_blocked(word)


@pytest.mark.parametrize("word", ["u1", "10", "-2", "nullable", "guest7", "0a", "anonymous@example.com"])
def test_an_id_that_only_resembles_one_is_not_blocked(word: str) -> None:
    assert not is_blocked(word)


@pytest.mark.parametrize("blank", [None, "", " ", "\t\n", "\u00a0"])
def test_a_blank_id_is_an_absent_one(blank: str | None) -> None:
    assert normalise(blank) is None


def test_surrounding_blanks_are_no_part_of_an_id() -> None:
    assert normalise("  u 1\n") == "u 1"


def test_an_alias_says_what_kind_of_id_it_is() -> None:
    assert (user_alias("7"), anon_alias("7")) == ("user:7", "anon:7")


def test_the_key_of_a_canonical_uuid_is_its_value() -> None:
    assert order_key("00112233-4455-6677-8899-aabbccddeeff").hex() == "00112233445566778899aabbccddeeff"


@pytest.mark.parametrize(
    "almost",
    [
        "00112233-4455-6677-8899-AABBCCDDEEFF",
        "{0112233-4455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddeeff\n",
        "001122334455-6677-8899-aabbccddee-ff",
        "00112233445566778899aabbccddeeff",
        "0123456789abcdef",
    ],
)
def test_the_key_of_any_other_long_id_is_its_md5(almost: str) -> None:
    assert order_key(almost) == md5(almost.encode()).digest()


@pytest.mark.parametrize("short", ["", "a", "fifteen-letters", "äöüß"])
def test_the_key_of_a_short_id_is_its_bytes_padded_at_the_end(short: str) -> None:
    assert order_key(short) == short.encode() + bytes(16 - len(short.encode()))


def test_fifteen_bytes_are_short_and_sixteen_are_not() -> None:
    assert order_key("ä" * 7 + "b").endswith(b"b\0")
    assert order_key("ä" * 8) == md5(("ä" * 8).encode()).digest()


@given(st.text())
def test_a_key_always_has_16_bytes(message_id: str) -> None:
    assert len(order_key(message_id)) == 16


def test_even_a_lone_surrogate_has_a_key() -> None:
    assert len(order_key("\ud800")) == 16


@pytest.mark.parametrize(
    ("alias", "than", "stronger"),
    [
        ("user:u1", "anon:a1", True),
        ("user:u1", "email:a@x.org", True),
        ("email:a@x.org", "anon:a1", True),
        ("anon:a1", "email:a@x.org", False),
        ("user:u1", "user:u2", False),
        ("email:a@x.org", "user:u1", False),
        ("nobody", "anon:a1", False),
        ("user:u1", "nobody:x", False),
    ],
)
def test_a_user_is_stronger_than_an_address_and_that_than_a_visitor(alias: str, than: str, stronger: bool) -> None:
    assert is_stronger(alias, than) is stronger
