"""Verify, Salesforce.  Diffs: a unified diff and the text before it give the text after it, if its hash agrees."""

import re
from hashlib import sha256

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*")


def patched(before: str, diff: str) -> str | None:
    """Apply a diff; None where it does not fit.  A text that has the hash already stays."""
    head = re.split(r"\r?\n", diff, maxsplit=2)
    if len(head) < 2 or not head[1].startswith("+++ "):
        return None
    wanted = head[1][4:].strip().lower()
    if _hash(before) == wanted:
        return before
    ending = "\r\n" if "\r\n" in before else "\n"
    lines = _applied(before.split(ending), diff.replace("\r\n", "\n").split("\n")[2:])
    after = None if lines is None else ending.join(lines)
    return after if after is not None and _hash(after) == wanted else None


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _applied(before: list[str], diff: list[str]) -> list[str] | None:
    made: list[str] = []
    at = 0
    for line in diff:
        hunk = HUNK.fullmatch(line)
        if hunk:
            start = int(hunk[1]) - (hunk[2] != "0")
            if not at <= start <= len(before):
                return None
            made += before[at:start]
            at = start
        elif line[:1] in (" ", "-"):
            if at >= len(before) or before[at] != line[1:]:
                return None
            made += [line[1:]] if line[0] == " " else []
            at += 1
        elif line[:1] == "+":
            made.append(line[1:])
        elif line and not line.startswith("\\"):
            return None
    return made + before[at:]
