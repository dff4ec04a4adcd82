"""The page's named endpoints for programs: the latents of a picture, one latent, a steered run, many pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.common import catalog, pictures
from apps.common.answers import top_answers
from apps.common.desk import Session
from apps.common.dials import dials_from_text
from apps.common.fields import index
from apps.sae_steering.analysis import TOP_K, SteerResult
from apps.sae_steering.bench import Bench
from apps.sae_steering.cases import has_scenes, pictures_for
from apps.sae_steering.first import first_view, opening
from apps.sae_steering.handlers import SteerDesk, effect_note
from apps.sae_steering.latents import latent_value, score_of
from apps.sae_steering.plan import Plan
from apps.sae_steering.rack import where_from_text
from apps.sae_steering.restore import model_of
from apps.sae_steering.trying import effects_value, plain
from apps.sae_steering.working import N_DRAWS, n_allowed
from prisma_engine.sae.features import COLUMNS, Rack, controls, direct_effect, generality, steer_run

MAX_TEXT = 2000


@dataclass(frozen=True)
class Asked:
    """What every endpoint is asked for: a picture, a model, an SAE, and the class that is followed."""

    image: str = ""
    model: str = ""
    sae: str = ""
    watch: str = ""
    classes: str = ""


def sae_features(desk: SteerDesk, asked: Asked, tokens: str = "") -> dict[str, Any]:
    """The latents that are active at some tokens of a picture, as JSON, for programs.

    Args:
        image: path of the picture.
        model: a model of the page's list; locally, any Hub id or path; by default the one that the SAE was trained on.
        sae: a shipped SAE such as "emoji-vit-sae/blocks.3.hook_resid_post"; locally, any folder or Hub id; by default
            the one that the page begins with for that model.
        watch: a class whose logit is followed, by name or index; the model's answer by default.
        classes: for a zero-shot model, the names to choose from, separated by commas.
        tokens: positions as "0.17-20.40", prefix tokens first; by default what the page opens with.

    Returns:
        `model`, `revision`, `sae` ({`id`, `revision`, `title`}), `warning` (a sentence where the model seems not to be
        the SAE's, or None), `answer` (the ten best classes), `watched` ({`index`, `name`, `emoji`}),
        `explained_variance` and `l0` (of this picture), `grid`, `n_prefix`, and `tokens`: [{`token`, `latents`:
        [{`latent`, `activation`, `typical` (activation in units of the latent's mean where active, or None), `effect`
        (on the watched logit directly, or None), `label`, `f1`}]}], each token's most active first.

    Raises:
        ValueError: one sentence.
    """
    _, result = _run(desk, asked)
    watched = _watched(result, asked.watch)
    at = where_from_text(_text(tokens, "tokens"), result.extent) if tokens else first_view(result).tokens
    if isinstance(at, str):
        raise ValueError("name tokens by their positions, such as 0.17-20.40")
    features = result.features
    has_effect = effect_note(result) is None
    effect = direct_effect(result.start, watched, features).effect.tolist() if has_effect else None
    facts, rows = result.loaded.facts, []
    for token in at:
        first, found = int(features.offsets[token]), []
        for place, (latent, act) in enumerate(zip(*(part.tolist() for part in features.at(token)), strict=True)):
            unit = float(result.typical[latent])
            found.append(
                {
                    "latent": latent,
                    "activation": act,
                    "typical": act / unit if unit > 0 else None,
                    "effect": effect[first + place] if effect else None,
                    "label": facts.name(latent) if facts else None,
                    "f1": score_of(facts, "f1", latent) if facts else None,
                }
            )
        rows.append({"token": token, "latents": found})
    return {
        **_head(result, watched),
        "explained_variance": plain(features.explained_variance),
        "l0": plain(features.l0),
        "grid": list(result.grid),
        "n_prefix": len(result.prefix_names),
        "tokens": rows,
    }


def sae_latent(desk: SteerDesk, asked: Asked, latent: str | int = "0") -> dict[str, Any]:
    """What is known of one latent, as JSON, for programs; no picture is needed.

    Args:
        latent: its index. The other arguments are those of `sae_features`.

    Returns:
        `model`, `revision`, `sae`, `latent`, `label`, `precision`, `recall`, `f1`, `auroc`, `typical` (its mean
        activation where it is active), `largest`, `density` ({`tokens`, `images`}: shares where it is active), `from`
        (what all this was measured on), `histogram` ({`edges`, `counts`} of positive activations, or None),
        `exemplars` ([{`decile`, `reference`, `maximum`}], or None), `classes` ({`top`, `bottom`}: logits that one
        typical activation writes directly, or None) and `neighbours` ([{`index`, `cosine`, `label`, `f1`}]).

    Raises:
        ValueError: one sentence.
    """
    session, result = _session(desk, asked)
    text = _text(latent, "latent")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None
    chosen = index({"latent": number}, "latent", result.extent.n_latents)
    page = latent_value(desk, session, Bench(), chosen)
    head = {name: value for name, value in _head(result, result.answer).items() if name in ("model", "revision", "sae")}
    known = ("label", "precision", "recall", "f1", "auroc", "typical", "largest", "density", "from", "histogram")
    exemplars = page["exemplars"] or []
    told = [{name: one[name] for name in ("decile", "reference", "maximum")} for one in exemplars]
    return {
        **head,
        "latent": chosen,
        **{name: page.get(name) for name in known},
        "exemplars": told or None,
        "classes": page["classes"],
        "neighbours": page["neighbours"],
    }


def sae_steer(
    desk: SteerDesk, asked: Asked, changes: str, where: str = "all", keep_error: bool = True, lens: str = ""
) -> dict[str, Any]:
    """Change latents in one run, beside the original and the reconstruction alone, as JSON, for programs.

    Args:
        changes: what is changed, "latent.how.amount" each, separated by spaces: "12.add.5 40.ablate". `how` is add or
            clamp, whose amounts count typical activations of the latent, scale, whose amount is a factor, or ablate.
        where: "all", "cls", "patches", or tokens as "0.17-20.40".
        keep_error: whether what the SAE cannot reconstruct stays as it is.
        lens: a point of the residual stream, "0_pre" to "final", at which the logit lens reads every patch; none where
            empty. The other arguments are those of `sae_features`.

    Returns:
        `model`, `revision`, `sae`, `warning`, `answer` and `watched` as `sae_features` gives them; `changes` ({latent:
        [how, amount in units of its activation]}), `columns` ({`original`, `reconstruction`, `steered`}, each its ten
        best classes), `logit` (of the watched class in each of the three), `controls` ({`against`, `steered`,
        `opposite`: the change of the watched logit, and with the opposite sign; `random`: {`n`, `mean`, `low`, `high`,
        `changed`} of random latents whose writing is as long}, or None where nothing is changed), `lens` ({`label`,
        and for each column the best class of every patch}, or None) and `norm` ({`length`, `share`} of what is
        written, mean over the changed tokens).

    Raises:
        ValueError: one sentence.
    """
    _, result = _run(desk, asked)
    watched, rack = _watched(result, asked.watch), _rack(result, changes, where, keep_error)
    run = steer_run(result.start, rack, result.typical, _text(lens, "lens") or None)
    first = len(result.prefix_names)
    read = run.lens and {name: run.lens.index[i, first:].tolist() for i, name in enumerate(COLUMNS)}
    return {
        **_head(result, watched),
        "changes": {str(latent): list(change) for latent, change in rack.changes(result.typical).items()},
        "columns": {name: _best(result, run.column(name)) for name in COLUMNS},
        "logit": {name: float(run.column(name)[watched]) for name in COLUMNS},
        "controls": _controls(result, rack, watched) if rack.dials else None,
        "lens": {"label": run.lens.label, **(read or {})} if run.lens else None,
        "norm": {"length": plain(run.norm), "share": plain(run.share)},
    }


def sae_generality(
    desk: SteerDesk,
    asked: Asked,
    changes: str,
    where: str = "all",
    keep_error: bool = True,
    n: float = 100,
    source: str = "scenes",
    place: str = "",
    same: bool = False,
) -> dict[str, Any]:
    """Change the same latents on many other pictures, and random ones beside them, as JSON, for programs.

    Args:
        n: how many pictures.
        source: "scenes", our own, drawn with what the model calls `image`; "folder" (locally) or "hub".
        place: path of the folder, or id of the data set.
        same: use only pictures that the model answers as `image`. The other arguments are those of `sae_steer`.

    Returns:
        `model`, `revision`, `sae`, `warning`, `answer` and `watched` as `sae_features` gives them; `source` (in words),
        `n` (pictures used), `n_skipped`, `n_refused`, `effect` ({`mean`, `low`, `high`}: change of the watched logit
        with its 95 % interval), `changed` ({`rate`, `low`, `high`}: share of pictures with another answer), `control`
        (the same two for random latents whose writing is as long) and `failures` ([{`reference`, `change`, `before`,
        `after`}], least effect first).

    Raises:
        ValueError: one sentence.
    """
    _, result = _run(desk, asked)
    watched, rack = _watched(result, asked.watch), _rack(result, changes, where, keep_error)
    n_pictures = n_allowed(n)
    said, stream = pictures_for(result, source, _text(place, "place"), n_pictures, same)
    answered = result.answer if same or (source == "scenes" and has_scenes(result)) else None
    found = generality(
        result.loaded.sae, result.model, rack, result.typical, watched, stream, n_pictures, answered=answered
    )
    names = result.vocabulary.names
    return {
        **_head(result, watched),
        "source": said,
        "n": found.done,
        "n_skipped": found.n_skipped,
        "n_refused": found.n_refused,
        **effects_value(found.effect),
        "control": effects_value(found.control),
        "failures": [
            {
                "reference": failure.reference,
                "change": plain(failure.change),
                "before": names[failure.before],
                "after": names[failure.after],
            }
            for failure in found.failures
        ],
    }


def _run(desk: SteerDesk, asked: Asked) -> tuple[Session | None, SteerResult]:
    """The picture through the model and the SAE; kept nowhere."""
    if not asked.image:
        raise ValueError("send a picture")
    model, classes, variant = _chosen(desk, asked)
    return None, desk.run(pictures.uploaded(asked.image), model, classes, variant)


def _session(desk: SteerDesk, asked: Asked) -> tuple[Session, SteerResult]:
    model, classes, variant = _chosen(desk, asked)
    session = desk.show(opening(), model, classes, None, variant)
    return session, desk.result(session)


def _chosen(desk: SteerDesk, asked: Asked) -> tuple[str, str, str]:
    name, model = _text(asked.sae, "sae"), _text(asked.model, "model")
    plan = Plan(name) if name else None
    if not model:
        model = model_of(desk, plan) if plan else catalog.DEFAULT
    return model, asked.classes or catalog.default_classes(), plan.text if plan else ""


def _rack(result: SteerResult, changes: str, where: str, keep_error: bool) -> Rack:
    dials = dials_from_text(_text(changes, "changes"), result.extent.n_latents)
    return Rack(dials, where_from_text(_text(where, "where") or "all", result.extent), bool(keep_error))


def _watched(result: SteerResult, text: str) -> int:
    words = _text(text, "watch")
    if words.isascii() and words.isdigit() and len(words) < 7:
        return index({"class": int(words)}, "class", result.extent.n_classes)
    return result.vocabulary.index(words) if words else result.answer


def _controls(result: SteerResult, rack: Rack, watched: int) -> dict[str, Any]:
    found = controls(result.start, rack, result.typical, watched, N_DRAWS)
    low, high = found.random.spread
    return {
        "against": found.against,
        "steered": plain(found.steered.change[0]),
        "opposite": plain(found.opposite.change[0]),
        "random": {
            "n": len(found.random),
            "mean": plain(found.random.mean.value),
            "low": plain(low),
            "high": plain(high),
            "changed": plain(found.random.rate.value),
        },
    }


def _head(result: SteerResult, watched: int) -> dict[str, Any]:
    loaded = result.loaded
    return {
        "model": result.model_id,
        "revision": result.revision,
        "sae": {"id": loaded.id, "revision": loaded.revision, "title": loaded.title},
        "warning": result.warning,
        "answer": _best(result, result.logits),
        "watched": result.named(watched),
    }


def _best(result: SteerResult, logits: Any) -> list[dict[str, Any]]:
    return [answer.plain() for answer in top_answers(logits.float(), result.vocabulary, TOP_K)]


def _text(value: object, name: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError(f"give {name} as a text")
    return value.strip()
