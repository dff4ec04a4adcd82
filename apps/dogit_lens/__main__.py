"""`python -m apps.dogit_lens`: the Dogit Lens alone."""

from apps.common.server import launch
from apps.dogit_lens.app import build

if __name__ == "__main__":
    launch(build())
