"""Verify, the rooms of Salesforce: changes, records, and what of both is told of people (docs/salesforce.md).

Read in order: `values`, `body`, `bitmaps`, `ids`, `updates`, `snapshots`, `changes`,
`refusals`, `transactions`, `diffs`, `row`, `told`, `records`, `people`.
"""
