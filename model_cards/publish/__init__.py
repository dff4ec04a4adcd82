"""The folders of `model_cards` as repositories of the Hub: what shall be there, what is, and the way between."""
