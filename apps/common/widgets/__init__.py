"""Interactive canvases for the apps: framework-free JavaScript, each with a factory that returns a `gr.HTML`.

`lens_canvas(value)` shows a logit lens and emits `view_change`; `attention_canvas(value)` shows all heads of one or
two runs and emits `view_change` and `open_picture`; `scene_composer(value)` edits a scene and emits `compose`;
`patching_canvas(value)` shows which parts of a model carry the difference between two pictures and asks for more;
`mask_painter(value)` covers parts of a picture and emits `mask`; `steering_canvas(value)` shows the latents of a sparse
autoencoder on a picture, and turns them; `language_canvas(value)` shows what a model says of a picture while they are
turned; `step_scrubber(value)` goes through the steps of a model's training and emits
`step`.
"""

from apps.common.widgets.attention import attention_canvas as attention_canvas
from apps.common.widgets.composer import scene_composer as scene_composer
from apps.common.widgets.language import language_canvas as language_canvas
from apps.common.widgets.lens import lens_canvas as lens_canvas
from apps.common.widgets.mask import mask_painter as mask_painter
from apps.common.widgets.patching import patching_canvas as patching_canvas
from apps.common.widgets.steering import steering_canvas as steering_canvas
from apps.common.widgets.steps import step_scrubber as step_scrubber
