"""What a visitor takes away besides the picture: active latents as a table, the numbers, the Python behind them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from apps.common import code
from apps.common.dials import dial_said
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.bench import Bench
from apps.sae_steering.handlers import effect_note, run_value, sae_value, steered_value, watched
from apps.sae_steering.rack import rack_value
from apps.sae_steering.trying import controls_value
from prisma_engine.sae.features import direct_effect, positions, steer_run

DIGITS = 6
IMPORTS = "from prisma_engine.sae import SAE\nfrom prisma_engine.sae.features import activations\n"


def table_csv(result: SteerResult, bench: Bench) -> bytes:
    """One row for each active latent of each token: where, which, how active, and what it puts on the watched logit."""
    features, typical = result.features, result.typical
    index, facts = watched(result, bench), result.loaded.facts
    has_effect = effect_note(result) is None
    effect = direct_effect(result.start, index, features).effect.tolist() if has_effect else None
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    name = result.vocabulary.names[index]
    writer.writerow(
        ["token", "row", "column", "latent", "label", "activation", "activation / typical", f"direct effect: {name}"]
    )
    entries = zip(features.token.tolist(), features.latents.tolist(), features.acts.tolist(), strict=True)
    for place, (token, latent, act) in enumerate(entries):
        unit = float(typical[latent])
        writer.writerow(
            [
                token,
                *_cell(result, token),
                latent,
                (facts.name(latent) if facts else None) or "",
                _text(act),
                _text(act / unit) if unit > 0 else "",
                "" if effect is None else _text(effect[place]),
            ]
        )
    return out.getvalue().encode()


def numbers_json(result: SteerResult, bench: Bench) -> bytes:
    """The run, what is steered and what was found, with what is needed to read them."""
    index = watched(result, bench)
    run = run_value(result, "", index)
    for name in ("vocabulary", "font", "effect"):
        del run[name]
    del run["image"]["url"]
    run["sae"] = {name: value for name, value in sae_value(result, "").items() if name not in ("acts", "latents")}
    steered = bench.steered or steer_run(result.start, bench.rack, result.typical, bench.view.lens)
    table: dict[str, Any] = {
        "model": result.model_id,
        "revision": result.revision,
        "sae": {"id": result.loaded.id, "revision": result.loaded.revision},
        "picture": {"kind": result.picture.kind, "source": result.picture.source},
        "units": "logits; amounts of add and clamp count typical activations of the latent, of scale they are factors",
        "run": run,
        "rack": rack_value(bench.rack, bench.view.lens),
        "changes": {str(latent): list(change) for latent, change in bench.rack.changes(result.typical).items()},
        "steered": steered_value(result, steered, index),
        "controls": controls_value(bench.controls, result.named) if bench.controls else None,
        "general": bench.trial.as_dict("", result.named) if bench.trial else None,
        "latent": bench.latent,
        "view": bench.view.as_dict(),
    }
    return json.dumps(table, ensure_ascii=False, allow_nan=False).encode()


def _cell(result: SteerResult, token: int) -> tuple[Any, Any]:
    patch = token - len(result.prefix_names)
    return divmod(patch, result.grid[1]) if patch >= 0 else (result.prefix_names[token], "")


def _text(value: float) -> str:
    return f"{value:.{DIGITS}g}"


_CODE = """\
{opening}
model = {model}
sae = SAE.load({sae})
x = model.preprocess(image)

found = activations(sae, model, x)
print(f"explained variance {{found.explained_variance:.5f}}, L0 {{found.l0:.3f}}")
for token in {tokens}:
    for latent, act in zip(*found.at(token)):
        print(f"token {{token}}  latent {{latent:5}}  {{act:10.5f}}")

# {said}
changes = {changes}  # in units of each latent's own activation
steering = sae.steer(changes, token={token}, keep_error={keep_error})
columns = {{
    "original": model(x)[0],
    "reconstruction": model.run_with_hooks(x, sae.splice().at())[0],
    "steered": model.run_with_hooks(x, steering.at())[0],
}}
for name, logits in columns.items():
    print(f"{{name}}: logit of {watched_name} {{logits[{watched}]:.5f}}")
    for index in logits.topk({n}).indices.tolist():
        print(f"  {{logits[index]:10.5f}} {{logits.softmax(0)[index]:8.2%}}  class {{index}}")
"""


def python_code(result: SteerResult, bench: Bench) -> str:
    """Python that prints the latents active at the chosen tokens, and the three columns."""
    rack, loaded = bench.rack, result.loaded
    own = set(result.features.own)
    engine = "import prisma_engine as pe\n"
    opening = code.opening(image=result.picture).replace(engine, engine + IMPORTS)
    at: Any = rack.where
    if at == "all":
        at = None
    elif not isinstance(at, str):
        at = positions(loaded.sae, result.model, at)
    named = [repr(loaded.id)] + ([f"revision={loaded.revision!r}"] if loaded.revision else [])
    changes = {latent: (how, float(f"{amount:.8g}")) for latent, (how, amount) in rack.changes(result.typical).items()}
    index = watched(result, bench)
    return _CODE.format(
        opening=opening,
        model=code.loading(result.model_id, result.revision, result.classes),
        sae=", ".join(named),
        tokens=[token for token in bench.view.tokens if token in own],
        said=", ".join(dial_said(dial) for dial in rack.dials) or "nothing is steered",
        changes=changes,
        token=repr(at),
        keep_error=rack.keep_error,
        watched=index,
        watched_name=_quoted(result.vocabulary.names[index]),
        n=len(result.top),
    )


def _quoted(name: str) -> str:
    """A class name, which a visitor may have typed, as part of an f-string in double quotes."""
    return repr(name)[1:-1].replace('"', "'").replace("{", "{{").replace("}", "}}")
