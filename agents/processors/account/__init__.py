"""Processors of `account-events`: rows of Salesforce records, and rows of accounts and domains that follow from them.

`events` tells the records apart; `shelf` is where their rows are.
"""
