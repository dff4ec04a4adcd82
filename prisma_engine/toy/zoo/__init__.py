"""The zoo: small models of small data sets, trained alike, each with the history of its training."""
