"""Steering a LLaVA: an SAE that has only read text, turned while the model talks about a picture."""
