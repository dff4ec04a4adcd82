"""Start-up: `import prisma_engine` beside `import torch`, each in a fresh process, and `pe.load("emoji-vit")`."""

import subprocess
import sys
from statistics import median

from benchmarks.paired import compare, show, verdict

LOAD = """
import prisma_engine as pe
from benchmarks.paired import clock
start = clock()
pe.load("emoji-vit")
print(clock() - start)
"""
MAX_LOAD_SECONDS = 0.3


def run(code: str) -> str:
    """What a fresh Python prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def main() -> None:
    ours, reference = (lambda: run("import prisma_engine")), (lambda: run("import torch"))
    show(
        "start-up, a process each", [compare("import prisma_engine beside import torch", ours, reference, 1.5, pairs=7)]
    )
    load = median(float(run(LOAD)) for _ in range(5))
    print(f"pe.load('emoji-vit') after it: {load * 1e3:.0f} ms, {verdict(load, MAX_LOAD_SECONDS, ' s')}")


if __name__ == "__main__":
    main()
