"""Room 2d.  Salesforce: one message of `salesforce-changes` in; changes out, and what they make of a record.

`shapes` finds what a message is; `headers`, `bodies`, `bitmaps`, `fields`, `ids` read it as a `change`; `transactions`
puts together what was committed together; `record` keeps a row of each record, with `layers` and `diffs`; `timeline`
tells people what became different.  The rules: docs/salesforce.md.
"""

from streams.salesforce.shapes import parse_change

__all__ = ["parse_change"]
