"""What every test shares: offline, one thread, reproducible, and where the real photos and weights lie."""

import os
from pathlib import Path

# read at import by gradio, huggingface_hub and torch, so set before any of them
os.environ.update(
    GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_PROGRESS_BARS="1"
)
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

import netguard  # noqa: E402

_NETWORK = os.environ.get("PRISMA_TEST_NETWORK") == "1"

# the same examples on every machine, and none stored; a slow shared core is not a failure
settings.register_profile("prisma", derandomize=True, database=None, deadline=None, max_examples=40)
settings.load_profile("prisma")


def assets_folder() -> Path:
    """Folder of real photos and weights: $PRISMA_TEST_ASSETS, else ../shared/assets beside the checkout."""
    return Path(os.environ.get("PRISMA_TEST_ASSETS") or ROOT.parent / "shared" / "assets")


@pytest.fixture(scope="session")
def assets() -> Path:
    """The assets folder; skips, with the way out, where it is absent."""
    folder = assets_folder()
    if not folder.is_dir():
        pytest.skip("no real photos and weights here: put them in ../shared/assets or set PRISMA_TEST_ASSETS")
    return folder


def pytest_configure() -> None:
    if not _NETWORK:
        netguard.install()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Playwright keeps an event loop running in this thread, in which no other test can start one: browsers come last.
    items.sort(key=lambda item: Path(__file__).parent / "browser" in item.path.parents)
    for item in items:
        if item.get_closest_marker("network") and not _NETWORK:
            item.add_marker(pytest.mark.skip(reason="needs the internet: set PRISMA_TEST_NETWORK=1"))
