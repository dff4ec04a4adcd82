"""The pictures of the README and of the notes in docs/: `python -m apps.pictures [name …]` draws them.

From the current code, model and scenes; what was measured on photos is read from docs/data/, so none are needed.
"""
