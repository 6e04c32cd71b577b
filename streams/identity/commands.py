"""Commands: what an operator says of an alias."""

from typing import Final

import msgspec

from streams.events import Forget, Millis, Rejected, Split
from streams.identifiers import kind_of

COMMANDS: Final = ("split", "join", "forget")
MAX_ALIAS: Final = 330


class Command(msgspec.Struct, frozen=True, gc=False):
    """The value of a command."""

    alias: str
    """As documents have it, such as `anon:a1`."""
    id: str
    """Tells commands of one millisecond apart, and a repeated one from a new one."""


encode_command = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Command).decode


def parse_command(name: str, value: bytes | None, *, kafka_timestamp: Millis) -> Split | Forget | Rejected:
    """Read a command; it counts from the instant at which Kafka had it.  `bad-command`: it names nothing, or nobody."""
    if name not in COMMANDS:
        return Rejected("bad-command", f"header: not one of {', '.join(COMMANDS)}")
    try:
        command = _decode(value or b"")
    except msgspec.MsgspecError as error:
        return Rejected("bad-command", f"$: {error}")
    if kind_of(command.alias) is None or command.alias.endswith(":") or len(command.alias) > MAX_ALIAS:
        return Rejected("bad-command", "$.alias: one of user, email, sf, anon, a colon, and the identifier")
    if name == "forget":
        return Forget(command.alias, received_at=kafka_timestamp)
    return Split(command.alias, name == "split", command.id, kafka_timestamp, kafka_timestamp)
