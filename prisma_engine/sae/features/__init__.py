"""What single latents do: where they are active, what they write, and what changing them does to an answer."""

from prisma_engine.sae.features.controls import Controls, controls
from prisma_engine.sae.features.effects import (
    ClassDirections,
    DirectEffect,
    class_directions,
    direct_effect,
    directions,
    written,
    written_classes,
)
from prisma_engine.sae.features.exemplars import Exemplar, Histogram, Profile, exemplars
from prisma_engine.sae.features.facts import Facts, facts, with_labels
from prisma_engine.sae.features.feature_map import FeatureMap, activations, compare, feature_map, heat
from prisma_engine.sae.features.generality import Failure, Generality, generality, generality_steps
from prisma_engine.sae.features.guide import Guide, guide
from prisma_engine.sae.features.neighbours import Neighbour, neighbours
from prisma_engine.sae.features.outcome import Outcome
from prisma_engine.sae.features.profiling import profile, profile_steps
from prisma_engine.sae.features.rack import Dial, Rack
from prisma_engine.sae.features.search import Found, by_class, by_example, by_label
from prisma_engine.sae.features.start import Start, positions
from prisma_engine.sae.features.steer import COLUMNS, ColumnLens, SteerRun, steer_many, steer_run

__all__ = [
    "COLUMNS",
    "ClassDirections",
    "ColumnLens",
    "Controls",
    "Dial",
    "DirectEffect",
    "Exemplar",
    "Facts",
    "Failure",
    "FeatureMap",
    "Found",
    "Generality",
    "Guide",
    "Histogram",
    "Neighbour",
    "Outcome",
    "Profile",
    "Rack",
    "Start",
    "SteerRun",
    "activations",
    "by_class",
    "by_example",
    "by_label",
    "class_directions",
    "compare",
    "controls",
    "direct_effect",
    "directions",
    "exemplars",
    "facts",
    "feature_map",
    "generality",
    "generality_steps",
    "guide",
    "heat",
    "neighbours",
    "positions",
    "profile",
    "profile_steps",
    "steer_many",
    "steer_run",
    "with_labels",
    "written",
    "written_classes",
]
