"""Processors of Salesforce: `changes` puts what comes in order, `records` keeps what each record is."""
