"""`python -m apps.attention_tour`: the Attention Tour alone."""

from apps.attention_tour.app import build
from apps.common.server import launch

if __name__ == "__main__":
    launch(build())
