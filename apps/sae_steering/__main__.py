"""`python -m apps.sae_steering`: this page alone."""

from apps.common.server import launch
from apps.sae_steering.app import build

if __name__ == "__main__":
    launch(build())
