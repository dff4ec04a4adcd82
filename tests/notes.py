"""Notes of docs/ whose tables tests read again."""

from __future__ import annotations


def table_rows(note: str, head: str) -> list[list[str]]:
    """The cells of the table whose head begins with these cells."""
    lines = note.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return found
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found
