"""Room 1b.  Identifiers: which ids count, how an alias is spelled, and what orders events of one millisecond."""

import re
from hashlib import md5

from streams.events import Alias

BLOCKED = frozenset(
    {"-1", "null", "none", "undefined", "nan", "true", "false", "anonymous", "guest", "[object object]"}
)
"""Words that broken senders give as an id.  One of them as a person would glue together everybody who has it."""

STRENGTHS = ("user", "email", "contact", "lead", "anon")
"""Kinds of aliases, the strongest first.  An alias belongs to stronger ones only, so that nobody goes in circles.

Contacts and leads may be merged into others of their kind: see `profile.LONGEST_PATH`.
"""
_RECORDS = {"003": "contact", "00Q": "lead"}
"""{how a Salesforce id of that object begins: kind of alias}"""

EMAIL = "email:"
RECORD = "sf:"

KEY_BYTES = 16
LONGEST_PADDED = 15
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_UUID_LENGTH = 36


def normalise(identifier: str | None) -> str | None:
    """Cut surrounding blanks; None where nothing is left: a blank id is an absent one."""
    return identifier.strip() or None if identifier else None


def is_blocked(identifier: str) -> bool:
    """Tell whether an id names nobody: zeros and dashes only, a blank, or a word of `BLOCKED` in any case."""
    bare = identifier.strip()
    return not bare.strip("0-") or bare.lower() in BLOCKED


def user_alias(user_id: str) -> Alias:
    """Spell the alias of a (normalised) userId."""
    return f"user:{user_id}"


def anon_alias(anonymous_id: str) -> Alias:
    """Spell the alias of a (normalised) anonymousId."""
    return f"anon:{anonymous_id}"


def email_alias(email: str) -> Alias:
    """Spell the alias of a (normalised) email address."""
    return EMAIL + email


def record_alias(record_id: str) -> Alias:
    """Spell the alias of a Contact or Lead by its id of 18 characters."""
    return RECORD + record_id


def kind_of(alias: Alias) -> str | None:
    """Tell of which of `STRENGTHS` an alias is; None: of none."""
    kind, colon, identifier = alias.partition(":")
    if kind == "sf":
        return _RECORDS.get(identifier[:3])
    return kind if colon and kind in ("user", "email", "anon") else None


def is_stronger(alias: Alias, than: Alias) -> bool:
    """Tell whether an alias may be the owner of another one; what is no alias is not."""
    kind, weaker = kind_of(alias), kind_of(than)
    return kind is not None and weaker is not None and STRENGTHS.index(kind) < STRENGTHS.index(weaker)


def order_key(message_id: str) -> bytes:
    """Give the 16 bytes that order events of one millisecond and find duplicates; compared as unsigned bytes.

    | message_id                     | key                                  |
    |--------------------------------|--------------------------------------|
    | canonical lower-case UUID      | its value                            |
    | at most 15 bytes of UTF-8      | those bytes, zero bytes at the end   |
    | anything else                  | MD5 of its UTF-8 bytes               |
    """
    if len(message_id) == _UUID_LENGTH and _UUID(message_id):
        return bytes.fromhex(message_id.replace("-", ""))
    # surrogatepass: a lone surrogate cannot come from JSON, but the key must never be what stops a partition.
    data = message_id.encode("utf-8", "surrogatepass")
    if len(data) <= LONGEST_PADDED:
        return data.ljust(KEY_BYTES, b"\0")
    return md5(data, usedforsecurity=False).digest()
