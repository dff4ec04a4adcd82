"""`python -m apps.cat_dog_patching`: this page alone."""

from apps.cat_dog_patching.app import build
from apps.common.server import launch

if __name__ == "__main__":
    launch(build())
