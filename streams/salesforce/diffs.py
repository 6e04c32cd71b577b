"""Diffs: a long text from the one before it and a unified diff.

Salesforce sends `--- `, `+++ <SHA-256 of the new text, hex>`, then hunks; lines end as they do in the text itself.
"""

import re
from hashlib import sha256

_head = re.compile(r"--- ?[^\n]*\n\+\+\+ ?([0-9a-fA-F]{64})\s*?\n", re.ASCII).match
_hunk = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+\d{1,9}(?:,\d{1,9})? @@[^\n]*", re.ASCII).fullmatch


def patched(before: object, diff: str) -> str | None:
    """Apply a diff.  None: what was before is not the text that it is for, or it is no diff.

    A text that is already what the diff leads to stays: the same change may come twice.
    """
    head = _head(diff)
    if head is None or not isinstance(before, str):
        return None
    wanted = head[1].lower()
    if _digest(before) == wanted:
        return before
    after = _apply(before, diff[head.end() :])
    return after if after is not None and _digest(after) == wanted else None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _apply(before: str, hunks: str) -> str | None:
    newline = "\r\n" if "\r\n" in before else "\n"
    old, new, taken = before.split(newline), list[str](), 0
    for line in hunks.replace("\r\n", "\n").removesuffix("\n").split("\n"):
        mark, text = line[:1], line[1:]
        if hunk := _hunk(line):
            # A hunk without old lines stands after the line that it names.
            start = int(hunk[1]) - (hunk[2] != "0")
            if not taken <= start <= len(old):
                return None
            new += old[taken:start]
            taken = start
        elif mark == "+":
            new.append(text)
        elif mark in ("-", " ", ""):
            if taken >= len(old) or old[taken] != text:
                return None
            new += [] if mark == "-" else [text]
            taken += 1
        elif mark != "\\":
            return None
    return newline.join(new + old[taken:])
