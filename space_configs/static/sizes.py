"""How large a site is, part by part."""

from __future__ import annotations

from pathlib import Path

MAX_BYTES = 30 * 10**6


def sizes(site: Path) -> dict[str, tuple[int, int]]:
    """Files and bytes of each part: of `data/` each page, of the rest each folder; "pages" for what lies at the top."""
    found: dict[str, tuple[int, int]] = {}
    for path in sorted(file for file in site.rglob("*") if file.is_file()):
        parts = path.relative_to(site).parts
        name = "/".join(parts[: 2 if parts[0] == "data" and len(parts) > 2 else 1]) if len(parts) > 1 else "pages"
        n, n_bytes = found.get(name, (0, 0))
        found[name] = (n + 1, n_bytes + path.stat().st_size)
    return found


def total(site: Path) -> int:
    """Bytes of the whole site."""
    return sum(n_bytes for _, n_bytes in sizes(site).values())


def table(site: Path) -> str:
    """The sizes as text, the largest part first."""
    parts = sorted(sizes(site).items(), key=lambda each: -each[1][1])
    rows = [*parts, ("all", (sum(n for _, (n, _) in parts), total(site)))]
    return "\n".join(f"{name:<22} {n:>5} files {n_bytes / 1e6:>7.2f} MB" for name, (n, n_bytes) in rows)
