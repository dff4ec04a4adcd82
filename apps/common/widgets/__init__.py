"""Interactive canvases for the apps: framework-free JavaScript, each with a factory that returns a `gr.HTML`.

`lens_canvas(value)` shows a logit lens and emits `view_change`; `scene_composer(value)` edits a scene and emits
`compose`.
"""

from apps.common.widgets.composer import scene_composer as scene_composer
from apps.common.widgets.lens import lens_canvas as lens_canvas
