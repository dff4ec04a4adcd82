"""`python -m apps.vlm_steering`: this page alone."""

from apps.common.server import launch
from apps.vlm_steering.app import build

if __name__ == "__main__":
    launch(build())
