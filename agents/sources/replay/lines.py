"""Replay, room 1.  Lines: NDJSON files, gzipped or not, or the standard input, as numbered lines of bytes.

In: paths.  Out: every line that is not blank, in the order of the files, without its end.
"""

import gzip
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from shutil import copyfileobj
from typing import BinaryIO, NamedTuple, cast

STDIN = "-"
GZIP_MAGIC = b"\x1f\x8b"
MOST_BYTES = (2 << 20) - 4096
"""Longest line that fits into one Kafka message of our topics; a longer one cannot be published at all."""


class UnreadableError(Exception):
    """A file that cannot be opened, or breaks off; the text says which and where."""


class Line(NamedTuple):
    """One line and where it stands, for messages to the reader."""

    file: str
    number: int
    """From 1."""
    value: bytes
    """Without the line's end.  Empty: it was longer than `MOST_BYTES` and cannot be published."""


@contextmanager
def rereadable(files: Sequence[str]) -> Iterator[list[str]]:
    """Lend names that can be read twice: the standard input is kept in a temporary file meanwhile."""
    if STDIN not in files:
        yield list(files)
        return
    with tempfile.NamedTemporaryFile(prefix="touchline-replay-", suffix=".ndjson") as kept:
        copyfileobj(sys.stdin.buffer, kept)
        kept.flush()
        yield [kept.name if name == STDIN else name for name in files]


def read(files: Sequence[str]) -> Iterator[Line]:
    """Yield the lines of all files, one file after another.  `-` is the standard input.

    Gzip is recognised by content, not by name.  Raise `UnreadableError` where a file is missing or breaks off;
    what came before it has been yielded by then.
    """
    for name in files:
        number = 0
        try:
            with _opened(name) as stream:
                for number, value in _numbered(stream):
                    yield Line(name, number, value)
        except (OSError, EOFError, zlib.error) as error:
            where = f" after line {number}" if number else ""
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            msg = f"{name}{where}: {reason}"
            raise UnreadableError(msg) from None


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    source: str | int = sys.stdin.fileno() if name == STDIN else name
    with open(source, "rb", closefd=name != STDIN) as stream:
        if stream.peek(2)[:2] != GZIP_MAGIC:
            yield stream
            return
        with gzip.GzipFile(fileobj=stream) as plain:
            yield cast(BinaryIO, plain)


def _numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while chunk := stream.readline(MOST_BYTES + 2):
        number += 1
        value = chunk.rstrip(b"\r\n")
        if len(value) > MOST_BYTES:
            _skip_rest(stream, chunk)
            yield number, b""
        elif value and not value.isspace():
            yield number, value


def _skip_rest(stream: BinaryIO, chunk: bytes) -> None:
    while chunk and not chunk.endswith(b"\n"):
        chunk = stream.readline(MOST_BYTES)
