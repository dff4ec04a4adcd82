"""Activations → numbers: one technique a file, each answering with a small frozen dataclass."""
