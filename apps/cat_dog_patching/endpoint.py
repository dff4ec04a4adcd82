"""The page's named endpoints for programs: a sweep, patches applied, and the fewest that flip the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from apps.cat_dog_patching.analysis import SIDES, PairResult
from apps.cat_dog_patching.applying import apply_chips
from apps.cat_dog_patching.corrupting import FILLS, Hidden, Shape, box
from apps.cat_dog_patching.flipping import find_flip
from apps.cat_dog_patching.handlers import METRIC, PairDesk
from apps.cat_dog_patching.places import chips_from_text, chips_to_text
from apps.cat_dog_patching.plan import Other, Plan
from apps.cat_dog_patching.sweeping import MAX_CELLS, Ask, Direction, first_ask, n_cells, read_ask, rows, sweep_steps
from apps.common import catalog, checkpoints, pictures
from apps.common.answers import Answer, top_answers
from apps.common.fields import choice
from prisma_engine import HookedViT

DIRECTIONS: tuple[Direction, ...] = ("denoise", "noise")
_BOX = re.compile(r"\s*[,\s]\s*")


@dataclass(frozen=True)
class Asked:
    """What every endpoint is asked for: two pictures, a model, and two answers."""

    image: str
    second: str = ""
    hide: str = ""
    fill: str = "black"
    model: str = catalog.DEFAULT
    a: str = ""
    b: str = ""
    preparation: str = "checkpoint"
    classes: str = ""


def patch_sweep(
    desk: PairDesk,
    asked: Asked,
    site: str = "z",
    by: str = "layer,head",
    layer: str = "",
    token: str = "",
    direction: str = "denoise",
) -> dict[str, Any]:
    """Patch every part of one kind, one at a time, and measure what comes of it, as JSON, for programs.

    Args:
        image: path of the clean picture.
        second: path of the corrupt picture; None makes it from `image` by hiding `hide`.
        hide: boxes "x0,y0,x1,y1" in shares of the picture's sides, separated by ";"; without them, its middle.
        fill: "black", "blur", "mean" or "noise".
        model: a model of the page's list, or a kept step of its training, "model@step-000064"; locally, any Hub id or
            path.
        a, b: the two answers, by name or index; by default what the two pictures are called.
        preparation: "checkpoint", or "tutorial": squashed to the input's size, not normalised.
        classes: for a zero-shot model, the names to choose from, separated by commas.
        site: what is patched: "z", "q", "k", "v", "pattern", "attn_scores", "result", "attn_out", "post", "mlp_out",
            "resid_pre", "resid_mid" or "resid_post".
        by: "layer,head", "layer,token" or "head,token"; the last in one layer.
        layer: which, for "head,token"; the last by default.
        token: which tokens are patched together: "cls", "all", "patches" or an index; CLS by default.
        direction: "denoise", clean into corrupt, or "noise", the reverse.

    Returns:
        `model`, `revision`, `a`, `b` ({`index`, `name`, `emoji`}), `metric` (in words), `clean` and `corrupt`
        ({`metric`, `answer`: the ten best}), `preparation`, `site`, `by`, `layer`, `token`, `direction`, `labels` (of
        rows and of columns), `values` (the metric of each cell), `effect` (the same, 0 as corrupt and 1 as clean),
        `correlation` (with attribution patching's estimate), `n_passes` (forward passes that the exact sweep cost).

    Raises:
        ValueError: one sentence.
    """
    model, result = _pair(desk, asked)
    ask = _ask(result, site, by, layer, token)
    direction = choice({"direction": direction}, "direction", DIRECTIONS)
    directions: tuple[Direction, ...] = tuple(one for one in DIRECTIONS if one == direction)
    if (cells := n_cells(ask, result.extent)) > MAX_CELLS:
        raise ValueError(f"that sweep has {cells:,} patches; this page runs up to {MAX_CELLS:,}")
    *_, swept = sweep_steps(model, result, ask, directions=directions)
    sweep = getattr(swept, direction)
    return {
        **_head(result),
        "site": ask.site,
        "by": list(ask.by),
        "layer": ask.layer,
        "token": ask.token,
        "direction": direction,
        "labels": [list(labels) for labels in sweep.labels],
        "values": rows(sweep),
        "effect": rows(sweep, effect=True),
        "correlation": swept.correlation,
        "n_passes": round(sweep.n_passes, 2),
    }


def patch_apply(desk: PairDesk, asked: Asked, patches: str = "") -> dict[str, Any]:
    """Put several parts of the clean run into the corrupt one at once, as JSON, for programs.

    Args:
        patches: what is put in, "site.layer.head.token" each, separated by spaces: "z.3.1.cls z.4.2.cls". "x" stands
            for no head, as in "resid-pre.2.x.17"; a "_" in a site's name is written "-". The other arguments are those
            of `patch_sweep`.

    Returns:
        `model`, `revision`, `a`, `b`, `metric`, `clean`, `corrupt` and `preparation` as `patch_sweep` gives them;
        `patches` (in words), `patched` ({`metric`, `answer`}) and `n_numbers` (how many were replaced).

    Raises:
        ValueError: one sentence.
    """
    model, result = _pair(desk, asked)
    words = _text(patches, "patches").replace("_", " ").replace(";", " ").split()
    chips = chips_from_text("_".join(words), result.extent) if words else ()
    applied = apply_chips(model, result, chips)
    return {
        **_head(result),
        "patches": [chip.label(result.prefix_names) for chip in applied.chips],
        "patched": {"metric": applied.metric, "answer": _plain(top_answers(applied.logits, result.vocabulary, 10))},
        "n_numbers": applied.n_numbers,
    }


def patch_flip(
    desk: PairDesk, asked: Asked, site: str = "z", by: str = "layer,head", layer: str = "", token: str = ""
) -> dict[str, Any]:
    """The fewest parts of one kind that turn the corrupt answer into the clean one, as JSON, for programs.

    The arguments are those of `patch_sweep`.

    Returns:
        `model`, `revision`, `a`, `b`, `metric`, `clean`, `corrupt` and `preparation` as `patch_sweep` gives them;
        `flips` (whether a set was found), `patches` (for `patch_apply`), `members` ([{`label`, `alone`: its margin
        when it alone is patched}]), `margin` (of the set; positive means flipped), `margin_before`, `n_numbers`,
        `is_smallest` (whether all smaller sets were tried), `method` ("exact" or "greedy"), `n_flipping` (sets of this
        size that flip, where all were tried, or None), `n_tried`, `n_passes`, `patched` ({`answer`}) and `text`.

    Raises:
        ValueError: one sentence.
    """
    model, result = _pair(desk, asked)
    flip = find_flip(model, result, _ask(result, site, by, layer, token))
    found = flip.found
    assert found is not None, "a search that ended has a result"
    names = [chip.label(result.prefix_names) for chip in flip.chips]
    alone = found.alone.tolist()
    numbers = ("flips", "margin", "margin_before", "n_numbers", "is_smallest", "method", "n_flipping", "n_tried")
    return {
        **_head(result),
        "patches": chips_to_text(flip.chips).replace("_", " "),
        "members": [{"label": name, "alone": value} for name, value in zip(names, alone, strict=True)],
        **{name: getattr(found, name) for name in numbers},
        "n_passes": round(found.n_passes, 2),
        "patched": {"answer": _plain(top_answers(found.logits.float(), result.vocabulary, 10))},
        "text": flip.text,
    }


def _pair(desk: PairDesk, asked: Asked) -> tuple[HookedViT, PairResult]:
    """The model, and the pair as it sees it."""
    offer = catalog.offer_for(asked.model)
    classes = asked.classes or catalog.default_classes()
    model = desk.models.get(offer.id, catalog.parse_classes(classes) if offer.zero_shot else None)
    other = None
    if asked.second:
        picture = pictures.uploaded(asked.second)
        other = Other("upload", picture.source, asked.second)
    fill = choice({"fill": asked.fill}, "fill", FILLS)
    shapes = _boxes(asked.hide)
    plan = Plan(
        hidden=Hidden(shapes, fill) if shapes else None,
        other=other,
        a=_class(model, asked.a),
        b=_class(model, asked.b),
        preparation=asked.preparation,
    )
    if not shapes and other is None and fill != "black":
        raise ValueError("say what to hide with that fill: boxes x0,y0,x1,y1 in shares of the picture's sides")
    return model, desk.run(pictures.uploaded(asked.image), offer.id, classes, plan.text)


def _boxes(text: object) -> tuple[Shape, ...]:
    found = []
    for part in filter(None, (part.strip() for part in _text(text, "hide").split(";"))):
        words = _BOX.split(part)
        if len(words) != 4 or not all(re.fullmatch(r"[01](\.\d{1,9})?|\.\d{1,9}", word) for word in words):
            raise ValueError(f"a box is x0,y0,x1,y1, each from 0 to 1; got {part[:40]!r}")
        found.append(box(*(min(1.0, float(word)) for word in words)))
    if len(found) > 40:
        raise ValueError("at most 40 boxes can be hidden at once")
    return tuple(found)


def _class(model: HookedViT, text: object) -> int | None:
    words = _text(text, "an answer")
    if not words:
        return None
    if words.isascii() and words.isdigit():
        return int(words[:9])
    if model.vocabulary is None:
        raise ValueError(f"{model.name} has no class names; give an index")
    return model.vocabulary.index(words)


def _ask(result: PairResult, site: str, by: str, layer: str, token: str) -> Ask:
    words = {
        "site": _text(site, "site"),
        "by": _text(by, "by").replace(" ", ""),
        "token": _text(token, "token") or None,
    }
    given: dict[str, Any] = {name: value for name, value in words.items() if value}
    at = _text(layer, "layer")
    if at and not (at.isascii() and at.isdigit()):
        raise ValueError(f"a layer is a number from 0; got {at[:20]!r}")
    ask = read_ask({**given, "layer": int(at[:9]) if at else None}, result.extent, first_ask(result.extent))
    if ",".join(ask.by) != words["by"]:
        raise ValueError(f"{ask.site} cannot be swept by {words['by'][:40]!r}; use {','.join(ask.by)}")
    return ask


def _head(result: PairResult) -> dict[str, Any]:
    a, b, _ = result.answers
    runs = {side: getattr(result, side) for side in SIDES}
    return {
        "model": checkpoints.base_of(result.model_id),
        "revision": result.revision,
        "a": result.named(a),
        "b": result.named(b),
        "metric": METRIC.format(result.name(a), result.name(b)),
        **{side: {"metric": run.metric, "answer": _plain(run.top)} for side, run in runs.items()},
        "preparation": result.plan.preparation,
    }


def _plain(top: tuple[Answer, ...]) -> list[dict[str, Any]]:
    return [answer.plain() for answer in top]


def _text(value: object, name: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"give {name} as a text")
    return value.strip()
