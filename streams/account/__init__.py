"""Room 2e.  Accounts: who belongs to a company, what it pays, and who hears of it.

In: what became different of Salesforce records.  Kept: rows of accounts, their opportunities, roles, members, domains.
Out: the account's state, for each member and as a document.  The rules: docs/accounts.md.
"""
