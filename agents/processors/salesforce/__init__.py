"""Processors of Salesforce: `changes` puts what comes in order; what follows is in `processors.account`."""
