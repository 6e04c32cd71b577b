"""The org, part 3.  SOQL: the part of the language that a synchronisation needs.

`SELECT a, b | COUNT() FROM x [WHERE ...] [ORDER BY a [DESC], b] [LIMIT n] [ALL ROWS]`; conditions are comparisons with
a literal, `IN (...)`, AND, OR, NOT and parentheses.  Instants compare as text: the org keeps all of them in one form.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from agents.local.org.times import read, rest

Row: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Row], bool]

TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^'\\]|\\.)*')
  | (?P<instant>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)
  | (?P<number>-?\d+(?:\.\d+)?)
  | (?P<word>[A-Za-z_][\w.]*)
  | (?P<sign><=|>=|!=|<>|[=<>(),])
)""",
    re.VERBOSE,
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
WORDS = {"true": True, "false": False, "null": None}


class SoqlError(ValueError):
    """Not SOQL, or more of it than this org understands."""


@dataclass(slots=True)
class Query:
    """What one query asks for."""

    entity: str
    fields: list[str]
    """Empty: COUNT()."""
    matches: Test = lambda row: True
    order: list[tuple[str, bool]] = field(default_factory=list)
    """(field, descending)."""
    limit: int | None = None
    all_rows: bool = False

    def run(self, rows: Iterable[Row]) -> list[Row]:
        """Choose and order rows; deleted ones are the caller's matter."""
        found = [row for row in rows if self.matches(row)]
        for name, descending in reversed(self.order):
            found.sort(key=lambda row: (row.get(name) is not None, row.get(name)), reverse=descending)
        return found[: self.limit]


def parse(text: str) -> Query:
    """Read a query; raise `SoqlError` that says what was expected."""
    return _Parser(_tokens(text)).query()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            msg = f"unexpected token at {at}"
            raise SoqlError(msg)
        found.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
        at = match.end()
    return found


class _Parser:
    """Recursive descent; a keyword is a word in any case."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def query(self) -> Query:
        self._need("SELECT")
        fields = self._selected()
        self._need("FROM")
        query = Query(self._word(), fields)
        if self._take("WHERE"):
            query.matches = self._either()
        if self._take("ORDER"):
            self._need("BY")
            query.order = self._listed(self._ordered)
        if self._take("LIMIT"):
            query.limit = int(self._next()[1])
        if self._take("ALL"):
            self._need("ROWS")
            query.all_rows = True
        if self._at < len(self._tokens):
            self._refuse("the end")
        return query

    def _selected(self) -> list[str]:
        if self._take("COUNT"):
            self._need("(")
            self._need(")")
            return []
        return self._listed(self._word)

    def _ordered(self) -> tuple[str, bool]:
        name = self._word()
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        return name, descending

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("OR"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._take("AND"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._take("("):
            inner = self._either()
            self._need(")")
            return inner
        if self._take("NOT"):
            negated = self._one()
            return lambda row: not negated(row)
        return self._comparison(self._word())

    def _comparison(self, name: str) -> Test:
        if self._take("IN"):
            self._need("(")
            values = set(self._listed(self._literal))
            self._need(")")
            return lambda row: row.get(name) in values
        sign, value = self._next()[1], self._literal()
        if sign == "=":
            return lambda row: row.get(name) == value
        if sign in {"!=", "<>"}:
            return lambda row: row.get(name) != value
        if sign not in COMPARISONS:
            self._refuse("a comparison")
        compare = COMPARISONS[sign]
        return lambda row: row.get(name) is not None and compare(row[name], value)

    def _literal(self) -> Any:
        kind, text = self._next()
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "instant":
            return as_stored(text)
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "word" and text.lower() in WORDS:
            return WORDS[text.lower()]
        if kind != "date":
            self._refuse("a value")
        return text

    def _listed(self, one: Callable[[], Any]) -> list[Any]:
        found = [one()]
        while self._take(","):
            found.append(one())
        return found

    def _word(self) -> str:
        kind, text = self._next()
        if kind != "word":
            self._refuse("a name")
        return text

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            self._refuse("more")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, expected: str) -> bool:
        there = self._at < len(self._tokens) and self._tokens[self._at][1].upper() == expected
        self._at += there
        return there

    def _need(self, expected: str) -> None:
        if not self._take(expected):
            self._refuse(expected)

    def _refuse(self, expected: str) -> None:
        msg = f"expected {expected} near token {self._at}"
        raise SoqlError(msg)


def as_stored(instant: str) -> str:
    """Bring an instant of a query into the form in which the org keeps them: UTC, milliseconds, `+0000`."""
    return rest(read(instant))
