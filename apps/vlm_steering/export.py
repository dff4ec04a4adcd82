"""What a visitor takes away besides the picture: the numbers, and the Python that says the same words."""

from __future__ import annotations

import json
from typing import Any

from apps.common import code
from apps.common.desk import Session
from apps.common.dials import dial_said
from apps.vlm_steering.analysis import Talk
from apps.vlm_steering.bench import Bench
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.files import digits
from apps.vlm_steering.handlers import heard_value, plain, run_value, talk_value

UNITS = {
    "turn.chips.amount": "add and clamp: times the latent's typical activation; scale: a factor; ablate: none",
    "changes": "the same as activations (add, clamp) and factors (scale), as SAE.steer takes them",
    "tokens.latents.activation, latent.largest, latent.texts.acts": "activations, as the SAE gives them",
    "latent.typical": "activation: the latent's mean where it is active, on held-out text if that was measured",
    "said.words.p": "probability of a word for the model that spoke it, 0 to 1",
    "said.perplexity": "of an answer for the unsteered model without the picture, per token; 1 is certain",
    "read.explained": "explained variance at the tokens of the picture and at words; 1 is perfect",
    "read.l0": "latents that are active at a token, on average",
    "row, column, token, position, latent": "counted from 0",
}


def numbers_json(desk: VlmDesk, session: Session, bench: Bench) -> bytes:
    """The run, what is turned, what was said, and the latents active at every token, with their units."""
    talk, heard = desk.result(session), desk.heard(session, bench)
    run = run_value(talk, "")
    del run["font"], run["image"]["url"], run["prompts"], run["others"], run["key"]
    run["sae"] = {name: value for name, value in run["sae"].items() if name not in ("latents", "any_sae")}
    read = {name: value for name, value in heard_value(talk, heard, "").items() if name in ("explained", "l0")}
    facts = talk.loaded.facts
    tokens = []
    for number, token in enumerate(heard.tokens):
        latents, acts = heard.at(number)
        cell = divmod(number, talk.grid[1]) if number < talk.n_patches else None
        rows = zip(latents.tolist(), digits(acts), strict=True)
        labelled = [{"latent": i, "label": facts.name(i) if facts else None, "activation": a} for i, a in rows]
        where = {"row": cell[0], "column": cell[1]} if cell else {"text": token.text}
        tokens.append({"token": number, "position": token.position, "kind": token.kind, **where, "latents": labelled})
    table: dict[str, Any] = {
        "model": talk.model_id,
        "revision": talk.revision,
        "picture": {"kind": talk.picture.kind, "source": talk.picture.source},
        "units": UNITS,
        "run": run,
        "read": read,
        "turn": bench.turn.as_dict(),
        "changes": {str(i): [how, plain(v)] for i, (how, v) in bench.turn.changes(talk.typical).items()},
        "manner": bench.manner.as_dict(),
        "said": {
            name: {"text": bench.said[name].text, **value} for name, value in talk_value(bench)["columns"].items()
        },
        "tokens": tokens,
        "latent": bench.latent,
        "view": bench.view.as_dict(),
    }
    return json.dumps(table, ensure_ascii=False, allow_nan=False).encode()


_ENGINE = "from prisma_engine import vlm\nfrom prisma_engine.sae import SAE\n"
_CODE = """\
{opening}
model = vlm.load({model})
sae = SAE.load({sae})
prompt = model.prompt({prompt}, image)

# {said}; amounts to add or set are activations here, not times a typical one{control}
steering = sae.steer({changes}, keep_error={keep_error})
where, when = {where}, {when}
columns = {{
    "original": {{}},
    "reconstruction": {{sae.hook_name: vlm.at(sae.splice(), where, when)}},
    "steered": {{sae.hook_name: vlm.at(steering, where, when)}},
}}
for name, edits in columns.items():
    steps = model.generate(prompt, edits=edits, max_new_tokens={most}, temperature={temperature}, seed={seed})
    print(f"{{name}}: " + "".join(step.text for step in steps).strip())
"""


def python_code(talk: Talk, bench: Bench) -> str:
    """Python that prints what is said in the three columns; with no latent turned, the third is the first."""
    turn, manner, loaded = bench.turn, bench.manner, talk.loaded
    opening = code.opening(image=talk.picture).replace("import prisma_engine as pe\n", _ENGINE)
    named = [repr(loaded.id)] + ([f"revision={loaded.revision!r}"] if loaded.revision else [])
    changes = {latent: (how, float(f"{v:.8g}")) for latent, (how, v) in turn.changes(talk.typical).items()}
    return _CODE.format(
        opening=opening,
        model=", ".join([repr(talk.model_id)] + ([f"revision={talk.revision!r}"] if talk.revision else [])),
        sae=", ".join(named),
        prompt=repr(talk.plan.prompt),
        said=", ".join(dial_said(dial) for dial in turn.dials) or "nothing is turned",
        control="" if turn.control == "none" or not turn.dials else "\n# the page's control column is left out here",
        changes=changes,
        keep_error=turn.keep_error,
        where=repr(list(turn.where)),
        when=repr(list(turn.when)),
        most=manner.most,
        temperature=manner.temperature,
        seed=manner.seed,
    )
