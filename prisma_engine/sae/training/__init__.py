"""How an SAE comes to be: data in numbered blocks, a loss, and a state that survives being killed."""
