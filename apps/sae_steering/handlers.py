"""What the page does, as plain functions: picture + model + SAE → numbers for the browser. No Gradio here."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

from apps.common import catalog, routes
from apps.common.blobs import SHELF, Result, Shelf
from apps.common.desk import Desk, Session
from apps.common.payload import pack_png
from apps.common.pictures import Picture
from apps.common.runtime import MODELS, Models
from apps.common.saes import SAES, Saes, first_for, shipped_for
from apps.common.share import Link, link_query
from apps.sae_steering import first, tables
from apps.sae_steering.analysis import OWN_UNIT, SteerResult, analyse
from apps.sae_steering.bench import Bench
from apps.sae_steering.knowledge import KNOWLEDGE, Knowledge
from apps.sae_steering.plan import Plan, plan_to_fields, read_plan
from apps.sae_steering.rack import rack_to_fields, rack_value
from apps.sae_steering.trying import controls_value, plain
from apps.sae_steering.view import SteerView, view_to_fields
from prisma_engine import HookedViT
from prisma_engine.sae.features import COLUMNS, SteerRun, activations, direct_effect
from prisma_engine.sae.features.effects import check_direct

EFFECT = "effect/"
_nonce = itertools.count(1)


class NoSAE(ValueError):
    """A model for which no SAE is at hand; the sentence says what to do."""

    def __init__(self, model: str) -> None:
        more = "choose another model" if catalog.on_space() else "name one of its SAEs, by a folder or a Hub id"
        super().__init__(f"no SAE of {catalog.title_of(model)} ships with the suite; {more}")
        self.model = model


class SteerDesk(Desk[SteerResult]):
    """Runs of pictures over shared models, shared SAEs and a shared shelf; a session's variant names the SAE."""

    travels = False  # a result holds the model and the SAE themselves

    def __init__(
        self, models: Models = MODELS, shelf: Shelf = SHELF, saes: Saes = SAES, knowledge: Knowledge = KNOWLEDGE
    ) -> None:
        super().__init__(models, shelf)
        self.saes, self.knowledge = saes, knowledge

    def run(self, picture: Picture, model_id: str, classes: str = "", variant: str = "") -> SteerResult:
        plan, offer = self.plan(variant, model_id), catalog.offer_for(model_id)
        names = catalog.parse_classes(classes) if offer.zero_shot else None
        loaded = self.saes.get(plan.sae, plan.revision)
        model = self.models.get(offer.id, names)
        warning = self.saes.warning(loaded, model, same_weights=is_local(offer.id))
        return analyse(model, loaded, picture, offer.id, names, warning)

    def plan(self, variant: str, model_id: str) -> Plan:
        """The SAE of a session; where it names none, the one that its model begins with.

        Raises:
            NoSAE: if there is none.
        """
        if variant:
            return read_plan(variant)
        name = first_for(model_id)
        if name is None:
            raise NoSAE(model_id)
        return Plan(name)

    def model(self, session: Session) -> HookedViT:
        """The model that a session shows."""
        return self.result(session).model

    def packed(self, result: SteerResult) -> Result:
        files = {"image": pack_png(result.pixels), "acts": pack_acts(result)}
        if (known := latents_json(result)) is not None:
            files["latents"] = known

        def make(name: str) -> bytes:
            if not name.startswith(EFFECT) or not name.removeprefix(EFFECT).isdecimal():
                raise ValueError(f"this result has no file {name[:80]!r}")
            return pack_effect(result, int(name.removeprefix(EFFECT)))

        return Result(files, make, sum(map(len, files.values())) + result.n_bytes, result)

    def picture(self, session: Session) -> Picture:
        return first.named(super().picture(session))

    def is_shared(self, picture: Picture) -> bool:
        return first.is_opening(picture) or super().is_shared(picture)


def is_local(model_id: str) -> bool:
    """Whether a model is a path of this machine, which may hold the weights of any name."""
    return model_id not in catalog.OFFERS and Path(model_id).expanduser().exists()


def pack_acts(result: SteerResult) -> bytes:
    """Little-endian: uint32 offsets[T + 1], uint32 latents[n], float32 acts[n]; see `FeatureMap`."""
    features = result.features
    whole = [features.offsets.numpy().astype("<u4"), features.latents.numpy().astype("<u4")]
    return b"".join(array.tobytes() for array in (*whole, features.acts.numpy().astype("<f4")))


def pack_effect(result: SteerResult, index: int) -> bytes:
    """float32[n]: what each entry of `pack_acts` puts on the logit of a class directly.

    Raises:
        ValueError: one sentence, if there is no such class, or no direct effect.
    """
    if not 0 <= index < len(result.vocabulary.names):
        raise ValueError(f"there is no class {index}; classes run from 0 to {len(result.vocabulary.names) - 1}")
    return direct_effect(result.start, index, result.features).effect.numpy().astype("<f4").tobytes()


def latents_json(result: SteerResult) -> bytes | None:
    """What is known of each latent, one list a property, as JSON; None where nothing was measured."""
    facts = result.loaded.facts
    if facts is None:
        return None
    emoji = tables.emoji_of(facts.classes)
    columns: dict[str, list[Any]] = {
        name: tables.digits(getattr(facts, name)) for name in ("frequency", "typical", "largest", "nearest")
    }
    label = facts.label.tolist()
    columns["label"] = [facts.classes[i] if i >= 0 else None for i in label]
    columns["emoji"] = [emoji[i] if i >= 0 else None for i in label]
    for name in ("f1", "precision", "recall", "auroc"):
        scores = getattr(facts, name)
        if scores is not None:
            known = zip(tables.digits(scores), label, strict=True)
            columns[name] = [value if i >= 0 else None for value, i in known]
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":")).encode()


def steering_value(desk: SteerDesk, session: Session, bench: Bench, view: SteerView | None = None) -> dict[str, Any]:
    """All that the steering canvas reads.

    Without a `view` it keeps the visitor's own, which may be newer. `rack_at` is when the visitor sent the newest rack
    that has arrived, so that the canvas knows an answer to an older one.
    """
    result = desk.result(session)
    controls, trial, run = bench.controls, bench.trial, bench.steered
    told = None if bench.running is None else {"state": "running", "text": bench.running}
    return {
        "nonce": next(_nonce),
        "run": run_value(result, session.key, watched(result, bench)),
        "latent": bench.latent,
        "found": bench.found,
        "rack": rack_value(bench.rack, bench.view.lens),
        "rack_at": bench.heard.get("steer", 0),
        "steered": steered_value(result, run, watched(result, bench)) if run else None,
        "controls": controls_value(controls, result.named) if controls else told,
        "general": trial.as_dict(f"{routes.PREFIX}/{trial.key}/failure/", result.named) if trial else None,
        "other": compared(desk, result, bench) if bench.other else None,
        "table": tables.table(desk.saes, result),
        "guide": tables.guide_value(result),
        "view": view.as_dict() if view else None,
    }


def watched(result: SteerResult, bench: Bench) -> int:
    """The class whose logit is followed: the visitor's, or the model's answer."""
    n = len(result.vocabulary.names)
    return result.answer if bench.watched is None or bench.watched >= n else bench.watched


def run_value(result: SteerResult, key: str, index: int) -> dict[str, Any]:
    """The run as the canvas reads it, before anything is steered."""
    base = f"{routes.PREFIX}/{key}/"
    note = effect_note(result)
    return {
        "key": key,
        "model": catalog.title_of(result.model_id),
        "revision": result.revision,
        "grid": list(result.grid),
        "n_prefix": len(result.prefix_names),
        "prefix_names": list(result.prefix_names),
        "image": {"title": result.picture.title, "url": f"{base}image", "size": list(result.pixels.shape[:2])},
        "sae": sae_value(result, base),
        "top": result.top_of(result.logits),
        "watched": result.named(index),
        "effect": None if note else {"url": f"{base}{EFFECT}{index}"},
        "effect_note": note,
        "lens_labels": list(result.lens_labels),
        "any_sae": not catalog.on_space(),
        "vocabulary": routes.vocabulary_url(result.vocabulary),
        "font": routes.font_url(),
    }


def effect_note(result: SteerResult) -> str | None:
    """Why a direct effect means nothing here, in a sentence; None where it does."""
    try:
        check_direct(result.loaded.sae, result.model)
    except ValueError as error:
        return str(error)
    return None


def sae_value(result: SteerResult, base: str) -> dict[str, Any]:
    """The SAE as the canvas reads it."""
    loaded, features = result.loaded, result.features
    config, facts = loaded.config, loaded.facts
    return {
        "id": loaded.id,
        "revision": loaded.revision,
        "title": loaded.title,
        "hook": config.hook_name if config.hook_name == config.writes else f"{config.hook_name} → {config.writes}",
        "tokens": config.tokens,
        "d_sae": config.d_sae,
        "activation": config.activation,
        "k": config.k or None,
        "kind": "transcoder" if config.is_transcoder else "autoencoder",
        "explained_variance": plain(features.explained_variance),
        "l0": plain(features.l0),
        "error": [plain(value) for value in features.error.tolist()],
        "warning": result.warning,
        "unit_note": None if facts else OWN_UNIT,
        "acts": {"url": f"{base}acts", "n_entries": features.n_entries},
        "latents": f"{base}latents" if facts else None,
        "labels_from": facts.labels_from if facts else None,
    }


def steered_value(result: SteerResult, run: SteerRun, index: int) -> dict[str, Any]:
    """The three columns."""
    columns = {
        name: {"top": _with_change(result, run, name), "answer": result.named(run.answer(name))} for name in COLUMNS
    }
    chances = run.logits.double().softmax(-1)
    lens = None
    if run.lens is not None:
        first_patch = len(result.prefix_names)
        rows = zip(COLUMNS, run.lens.index.tolist(), run.lens.probability.tolist(), strict=True)
        read = [(name, index[first_patch:], chance[first_patch:]) for name, index, chance in rows]
        lens = {
            "label": run.lens.label,
            "classes": {name: classes for name, classes, _ in read},
            "probabilities": {name: [round(p, 4) for p in chance] for name, _, chance in read},
        }
    return {
        "columns": columns,
        "watched": {name: float(run.column(name)[index]) for name in COLUMNS},
        "watched_probability": {name: float(chances[i, index]) for i, name in enumerate(COLUMNS)},
        "lens": lens,
        "norm": {"length": plain(run.norm), "share": plain(run.share), "n_tokens": len(run.tokens)},
    }


def _with_change(result: SteerResult, run: SteerRun, name: str) -> list[dict[str, Any]]:
    before = run.column("original")
    return [{**row, "change": row["logit"] - float(before[row["index"]])} for row in result.top_of(run.column(name))]


def compared(desk: SteerDesk, result: SteerResult, bench: Bench) -> dict[str, Any]:
    """The SAE that the visitor compares with; computed once for a run, since every answer of the page holds it."""
    assert bench.other is not None, "there is an SAE to compare with"
    known = bench.compared
    if known is None or known[:2] != (bench.key, bench.other):
        known = bench.compared = (bench.key, bench.other, other_value(desk, result, bench.other))
    return known[2]


def check_other(desk: SteerDesk, result: SteerResult, name: object) -> str:
    """The name of an SAE that may stand beside the one on show: one that ships, or locally any of the same model.

    Raises:
        ValueError: one sentence.
    """
    of = result.loaded.config.model
    if not isinstance(name, str) or (catalog.on_space() and name not in dict(shipped_for(of))):
        raise ValueError("choose one of this model's SAEs to compare with")
    name = name.strip()
    theirs = desk.saes.get(name).config.model
    if theirs != of:
        raise ValueError(f"{name} is an SAE of {theirs}; to compare, choose one of {of}")
    other_value(desk, result, name)
    return name


def other_value(desk: SteerDesk, result: SteerResult, name: str) -> dict[str, Any]:
    """Another SAE of the same model on the same picture, beside the one on show."""
    loaded = desk.saes.get(name)
    desk.saes.warning(loaded, result.model, same_weights=is_local(result.model_id))
    theirs = activations(loaded.sae, result.model, result.start.x)
    return {"id": loaded.id, "title": loaded.title, **_fit(theirs), "own": _fit(result.features)}


def _fit(features: Any) -> dict[str, Any]:
    return {
        "explained_variance": plain(features.explained_variance),
        "l0": plain(features.l0),
        "error": [round(value, 5) if math.isfinite(value) else None for value in features.error.tolist()],
    }


def link_of(desk: SteerDesk, session: Session, bench: Bench) -> str:
    """The query string that restores this run, the rack and the view."""
    result = desk.result(session)
    fields: dict[str, str | None] = {
        "watch": None if bench.watched is None else str(bench.watched),
        "compare": bench.other,
    }
    link = Link(
        model=session.model_id,
        revision=result.revision,
        classes=", ".join(result.classes) if result.classes else None,
        kind=session.kind,
        source=session.source,
        view=(
            *plan_to_fields(desk.plan(session.variant, session.model_id), result.plan.revision),
            *((name, value) for name, value in fields.items() if value),
            *rack_to_fields(bench.rack),
            *view_to_fields(bench.view, first.first_view(result)),
        ),
    )
    return link_query(link)


def latent_link(session: Session, result: SteerResult, latent: int) -> str:
    """A latent's address: model, SAE, both revisions and its index, on no picture in particular."""
    fields = (*plan_to_fields(result.plan, result.plan.revision), ("latent", str(latent)))
    classes = ", ".join(result.classes) if result.classes else None
    return link_query(Link(model=session.model_id, revision=result.revision, classes=classes, view=fields))
