"""Verify, the rooms of accounts: who belongs to a company, what it pays, who hears of it (docs/accounts.md).

Read in order: `free_mail`, `domains`, `money`, `bare`, `references`, `told`, `roles`, `claims`, `state`, `shares`,
`row`, `fold`, `joins`, `made`, `views`, `models`, `cells`, `people`, `persons`, `contributions`, `touches`, `lists`.
"""
