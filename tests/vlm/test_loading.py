"""Folders and Hub ids → a model: what is read, what is refused, and what is said before a download."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny_vlms as tiny
from prisma_engine import vlm
from prisma_engine.hub import LoadError, Unreachable
from prisma_engine.remote import Weights
from prisma_engine.vlm import image_scale, loading, memory


def saved(folder, model, processor):
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def rewrite(folder, file="config.json", **changes):
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("models") / "tiny", tiny.llava(), tiny.processor())


def test_a_folder_gives_the_model_back(folder):
    model = vlm.load(folder)
    prompt = model.prompt("what is there ?", tiny.picture())
    assert (model.name, model.revision) == ("tiny", None)
    assert prompt.text == "<bos> user : <image> what is there ? assistant :"
    expected = tiny.llava()(input_ids=prompt.ids, pixel_values=prompt.pixels).logits
    assert torch.equal(model(prompt), expected)
    assert not any(parameter.requires_grad for parameter in model.parameters()) and not model.training


def test_half_precision_in_the_file_and_in_memory(folder, tmp_path):
    half = saved(tmp_path / "half", tiny.llava().half(), tiny.processor())
    model = vlm.load(half)
    assert next(model.parameters()).dtype == torch.float32
    small = vlm.load(half, dtype=torch.bfloat16)
    prompt = small.prompt("what is there ?", tiny.picture())
    logits, _ = small.run_with_cache(prompt, "*.hook_resid_post")
    assert logits.dtype == torch.bfloat16 and float((logits - model(prompt)).abs().max()) < 0.2
    assert len(list(small.generate(prompt, max_new_tokens=3))) == 3


@pytest.mark.parametrize("family", ["llama", "gemma", "gemma2"])
def test_a_language_model_alone(family, tmp_path):
    model = vlm.load(saved(tmp_path / "words", tiny.language_model(family), tiny.tokenizer()))
    prompt = model.prompt("what is red ?")
    assert torch.equal(model(prompt), tiny.language_model(family)(input_ids=prompt.ids).logits)


def test_the_folder_beside_the_others_is_found_by_name(folder, monkeypatch):
    import prisma_engine as pe

    monkeypatch.setenv("PRISMA_MODELS", str(folder.parent))
    assert vlm.shipped() == ("tiny",) and vlm.load("tiny").name == "tiny"
    assert pe.embedded_models() == (), "it is no vision transformer"
    with pytest.raises(LoadError, match="there is no model 'small'; embedded: tiny; otherwise give a folder"):
        vlm.load("small")


def before(name):
    """What transformers 4 called a weight."""
    name = name.removeprefix("model.")
    if "lm_head" in name:
        return "language_model.lm_head.weight"
    for part, inner in (("language_model", "model"), ("vision_tower", "vision_model")):
        if name.startswith(f"{part}.") and not name.startswith(f"{part}.{inner}."):
            return name.replace(part, f"{part}.{inner}", 1)
    return name


def older(folder):
    """The same files as a checkpoint of transformers 4 with a processor of its own code has them."""
    rewrite(folder, transformers_version="4.39.3")
    weights = {before(name): tensor.clone() for name, tensor in load_file(folder / "model.safetensors").items()}
    assert {"language_model.model.norm.weight", "vision_tower.vision_model.pre_layrnorm.bias"} <= set(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "processor_config.json").unlink()
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    tiny.processor().image_processor.save_pretrained(folder)
    rewrite(folder, "preprocessor_config.json", processor_class="LlavaTinyProcessor", auto_map={"AutoProcessor": "x.Y"})
    (folder / "x.py").write_text("raise SystemExit('this was run')")
    return folder


def test_a_foreign_processor_is_replaced_by_the_current_one(tmp_path):
    folder = older(saved(tmp_path / "older", tiny.llava(), tiny.processor()))
    model = vlm.load(folder)
    prompt = model.prompt("what is there ?", tiny.picture())
    assert len(prompt.positions("image")) == 9 and type(model.prompter.processor).__name__ == "LlavaProcessor"
    assert torch.equal(model(prompt), tiny.llava()(input_ids=prompt.ids, pixel_values=prompt.pixels).logits)


READ = {"vision_feature_layer": -2, "vision_feature_select_strategy": "default"}


@torch.no_grad()
@pytest.mark.parametrize("family", ["gemma", "gemma2"])
def test_an_older_llava_on_gemma_is_given_its_scale_back(family, tmp_path):
    """As transformers computed it before 5.4: words and image tokens alike, multiplied as they enter the decoder."""
    original = tiny.llava(family)
    folder = saved(tmp_path / "new", original, tiny.processor())
    new = vlm.load(folder)
    old = vlm.load(older(folder))
    prompt = old.prompt("what is there ?", tiny.picture())
    inner, scale = original.model, original.config.text_config.hidden_size**0.5
    embeds = torch.nn.functional.embedding(prompt.ids, inner.language_model.embed_tokens.weight)
    features = inner.get_image_features(pixel_values=prompt.pixels, return_dict=True, **READ).pooler_output
    embeds[0, list(prompt.positions("image"))] = features[0]
    hidden = inner.language_model(inputs_embeds=embeds * scale).last_hidden_state
    cap = getattr(original.config.text_config, "final_logit_softcapping", None)
    assert (family == "gemma2") == (cap is not None)
    torch.testing.assert_close(old(prompt), original.lm_head(hidden), rtol=0, atol=1e-5)
    assert float((old(prompt) - new(prompt)).abs().max()) > 0.1
    twin, _ = old.run_with_cache(prompt, "vision.*")
    torch.testing.assert_close(twin, old(prompt), rtol=0, atol=1e-5)


def test_only_old_checkpoints_on_gemma_count_on_the_scale():
    def counts(version, family="gemma"):
        return image_scale.counts_on_it({"transformers_version": version, "text_config": {"model_type": family}})

    assert counts("4.39.3") and counts("5.3.0.dev0") and counts("4.40", "gemma2")
    assert not counts("5.4.0") and not counts("6.0.0") and not counts("4.39.3", "llama")
    assert not counts(None) and not image_scale.counts_on_it({})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"architectures": ["CLIPModel"]}, "config.json of broken names CLIPModel; read here are LlavaFor"),
        ({"architectures": None}, "config.json of broken names no architecture"),
        ({"image_token_index": 9}, "the tokenizer has another id for '<image>' than 9"),
        ({"vision_feature_layer": -9}, r"broken: layer -9 of the vision tower is read, and it has 3; from -4 to 3"),
    ],
)
def test_a_folder_that_is_not_understood_says_so(change, says, tmp_path):
    folder = saved(tmp_path / "broken", tiny.llava(), tiny.processor())
    rewrite(folder, **change)
    with pytest.raises(LoadError, match=says) as error:
        vlm.load(folder)
    assert "\n" not in str(error.value)


def test_damaged_weights_are_refused(tmp_path):
    folder = saved(tmp_path / "broken", tiny.llava(), tiny.processor())
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(LoadError, match="model.safetensors of broken is not a readable safetensors file"):
        vlm.load(folder)
    weights.unlink()
    with pytest.raises(LoadError, match="broken offers no safetensors weights"):
        vlm.load(folder)
    with pytest.raises(LoadError, match="broken has no revisions"):
        vlm.load(folder, revision="main")


def test_what_a_model_needs_is_said_before_it_is_downloaded(monkeypatch):
    big = Weights(5_700_000_000, {"a": (1_400_000_000, 2)})
    asked = []
    monkeypatch.setattr(loading.remote, "weights", lambda name, revision: asked.append((name, revision)) or big)
    monkeypatch.setattr(loading, "fetch", lambda *args, **given: pytest.fail("nothing is downloaded"))
    monkeypatch.setattr(memory, "free_memory", lambda device: 3_000_000_000)
    found = vlm.needed("owner/big")
    assert (found.download, found.memory, found.fits) == (5_700_000_000, 7_000_000_000, False)
    with pytest.raises(LoadError) as error:
        vlm.load("owner/big", revision="v1")
    assert asked[-1] == ("owner/big", "v1")
    assert str(error.value) == (
        "owner/big needs 5.7 GB of weights, and 7.0 GB of memory in bfloat16, of which 3.0 GB is free, which is not "
        "enough; load 'emoji-llava', which runs anywhere"
    )


def test_a_hub_id_that_fits_is_fetched_and_bound_to_its_commit(folder, tmp_path, monkeypatch):
    commit = tmp_path / "0123abc"
    saved(commit, tiny.llava(), tiny.processor())

    def offline(name, revision):
        raise Unreachable("the Hub does not answer")

    monkeypatch.setattr(loading.remote, "weights", offline)
    monkeypatch.setattr(loading, "fetch", lambda name, revision, max_bytes: commit)
    model = vlm.load("owner/tiny")
    assert (model.name, model.revision, next(model.parameters()).dtype) == ("owner/tiny", "0123abc", torch.bfloat16)


def test_free_memory_is_what_the_machine_and_the_container_leave(tmp_path, monkeypatch):
    def free(text, most, now):
        (tmp_path / "meminfo").write_text(text)
        (tmp_path / "memory.max").write_text(most)
        (tmp_path / "memory.current").write_text(now)
        return memory._available(tmp_path / "meminfo"), memory._allowed(tmp_path)

    assert free("MemTotal: 9 kB\nMemAvailable:    5 kB\n", "max", "7") == (5120, None)
    assert free("MemTotal: 9 kB\n", "4000", "1000") == (None, 3000)
    assert memory._available(tmp_path / "none") is None and memory._allowed(tmp_path / "none") is None
    monkeypatch.setattr(memory, "_available", lambda path: 10)
    monkeypatch.setattr(memory, "_allowed", lambda folder: 7)
    assert memory.free_memory() == 7
    monkeypatch.setattr(memory, "_allowed", lambda folder: None)
    assert memory.free_memory() == 10 and memory.free_memory("mps") is None


@pytest.mark.network
@pytest.mark.slow
def test_the_real_one_describes_a_picture():
    """Intel's LLaVA on Gemma 2B and the SAE of Gemma's seventh layer: some gigabytes, and as many of memory."""
    from prisma_engine.sae import SAE
    from prisma_engine.sae.decoders import for_decoder
    from prisma_engine.toy.compose import EXAMPLES, render_example

    name = "Intel/llava-gemma-2b"
    found = vlm.needed(name)
    if not found.fits:
        pytest.skip(f"{name} needs {found}; a machine with more memory lifts this")
    model = vlm.load(name)
    prompt = model.prompt("What is in this picture?", render_example(EXAMPLES[0].name, 336).image)
    text = "".join(step.text for step in model.generate(prompt, max_new_tokens=20))
    assert len(text.split()) >= 3 and len(prompt.positions("image")) == 24 * 24
    folder = "jbloom/Gemma-2b-Residual-Stream-SAEs/gemma_2b_blocks.6.hook_resid_post_16384_anthropic"
    sae = for_decoder(SAE.load(folder), model)
    words = model.prompt("The dog sleeps in the park.", raw=True)
    _, cache = model.run_with_cache(words, sae.hook_name)
    assert sae(cache[sae.hook_name][:, 1:].float()).explained_variance > 0.3
