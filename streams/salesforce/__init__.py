"""Room 2d.  Salesforce: one message of `salesforce-changes` in; changes out, and what they make of a record.

`shapes`, `headers`, `bodies`, `bitmaps`, `fields`, `ids` read a message; `transactions` puts what came of one together
again; `record` keeps a row of each record; `timeline` tells people.  The rules: docs/salesforce.md.
"""
