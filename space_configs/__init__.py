"""Hugging Face Spaces made from this repository: what each holds (`*.toml`), assembling it, and publishing it."""
