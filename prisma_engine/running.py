"""Hooked: everything about running a model with hooks that does not depend on what the model is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from prisma_engine.cache import Cache
from prisma_engine.config import ViTConfig
from prisma_engine.hooks import Edit, HookPoint, NoSuchName, Run, active, current_edits, match

Names = str | Iterable[str]
Edits = Mapping[str, Edit | Iterable[Edit]]


class Hooked(nn.Module):
    """A module whose hook points have names, and which runs with what one run saves and edits."""

    config: Any
    name: str = "this model"
    revision: str | None = None
    absent: Mapping[str, str] = {}
    """Names or patterns that people look for and that this architecture cannot honour → why."""

    def _name_hook_points(self) -> None:
        self._hook_points: dict[str, HookPoint] = {}
        for path, module in self.named_modules():
            if isinstance(module, HookPoint):
                module.name = path
                self._hook_points[path] = module

    @property
    def hook_points(self) -> Mapping[str, HookPoint]:
        """Every hook point by name; each fires once in every full forward pass that asks for it."""
        return self._hook_points

    def run_with_cache(
        self, x: Any, names: Names = "*", edits: Edits | None = None, stop_at_layer: int | None = None
    ) -> tuple[Tensor, Cache]:
        """Run once and keep the named activations, and nothing else.

        Args:
            x: input: of a vision transformer [batch channel height width], of a vision-language model a `Prompt`.
            names: hook point names or patterns (`*` matches anything). The default keeps all of them, which at
                1,370 tokens is more than a gigabyte an image.
            edits: as in `run_with_hooks`; the cache holds edited values.
            stop_at_layer: return the residual stream that enters this layer instead of the logits.

        Returns:
            The output, and a `Cache`: a mapping of name → tensor.

        Raises:
            KeyError: if a pattern matches no hook point.
        """
        listed = [names] if isinstance(names, str) else list(names)
        save = frozenset(point for pattern in listed for point in self._matching(pattern))
        run = Run(save=save, edits=self._planned(edits or {}))
        with active(run):
            out = self(x, stop_at_layer=stop_at_layer)
        return out, Cache(self._by_own_name(run.saved), self)

    def run_with_hooks(self, x: Any, edits: Edits, stop_at_layer: int | None = None) -> Tensor:
        """Run once with edits: {name or pattern: edit, or several in order}.

        An edit takes (activation, hook point) and returns the activation used next; see `prisma_engine.edits`.

        Raises:
            KeyError: if a pattern matches no hook point.
            ValueError: if an edit returns no tensor, or one of another shape.
        """
        with self.hooks(edits):
            return self(x, stop_at_layer=stop_at_layer)

    @contextmanager
    def hooks(self, edits: Edits) -> Iterator[Run]:
        """Edits for every forward pass inside the `with`, in this thread or task alone.

        Runs inside add their own edits to these. Do not `yield` inside the `with` of a generator: what runs until
        its next step would be edited too.
        """
        with active(Run(edits=self._planned(edits))) as run:
            assert run is not None
            yield run

    def require(self, name: str) -> HookPoint:
        """The hook point of this very name.

        Raises:
            KeyError: if there is none; the sentence says why, or which is near.
        """
        (point,) = self._matching(name)[:1]
        return point

    def _matching(self, pattern: str) -> list[HookPoint]:
        try:
            return match(self._hook_points, pattern)
        except NoSuchName:
            for name, why in self.absent.items():
                if fnmatchcase(pattern, name):
                    raise NoSuchName(f"{self.name} has no {pattern!r}: {why}") from None
            raise

    def _by_own_name(self, saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What was saved, as this model calls it; a part of a larger model has points that the larger one named."""
        own = {point.name: name for name, point in self._hook_points.items()}
        return {own[name]: tensor for name, tensor in saved.items()}

    def _planned(self, edits: Edits) -> dict[HookPoint, tuple[Edit, ...]]:
        """Edits by hook point, after those of the run around this one."""
        plan = dict(current_edits())
        for pattern, given in edits.items():
            for point in self._matching(pattern):
                plan[point] = (*plan.get(point, ()), *((given,) if callable(given) else tuple(given)))
        return plan


class HookedModule(Hooked):
    """A model of patches, perhaps with prefix tokens in front of them."""

    config: ViTConfig
    preprocess: Any = None
    vocabulary: Any = None
    text_tower: Any = None

    def _name_hook_points(self) -> None:
        super()._name_hook_points()
        for point in self._hook_points.values():
            point.n_prefix = self.config.n_prefix

    @property
    def n_prefix(self) -> int:
        return self.config.n_prefix

    @property
    def prefix_names(self) -> tuple[str, ...]:
        return self.config.prefix

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.config.grid

    @property
    def patch_slice(self) -> slice:
        """Where the patches are on a token axis; never write `1:`, since there may be registers, or no CLS."""
        return slice(self.config.n_prefix, None)
