"""`touchline salesforce`: what is in the org comes to `salesforce-changes`; what we know goes back, if wanted."""
