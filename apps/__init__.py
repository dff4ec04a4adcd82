"""The apps: thin Gradio pages around the engine.

Importing anything below `apps` first settles the environment, because Gradio, huggingface_hub and
matplotlib read it once, when they are imported: nothing here reports home, and a missing network costs seconds,
not minutes.
"""

import os

_ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",  # only this literal stops the look-ups at start
    "GRADIO_RUN_HISTORY": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_ETAG_TIMEOUT": "5",
    "HF_HUB_DOWNLOAD_TIMEOUT": "15",
    "DO_NOT_TRACK": "1",
    "MPLBACKEND": "Agg",
}
for _name, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)
