"""Personas: who a person is at work, read from a job title and from facts of the company.

words (text -> words) -> phrases (words -> what they say) -> maps (the file as values) -> persona (the answer);
coverage says how much of a list of titles the maps understand; company is what enrichment knows of a domain.
"""
