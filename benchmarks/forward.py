"""HookedViT beside timm's own forward pass: plain, with every pattern cached, with every hook point cached."""

import torch

import prisma_engine as pe
from benchmarks.paired import Comparison, compare, show

MODELS = ("vit_base_patch32_224", "vit_base_patch16_224")


def models(name: str) -> tuple[torch.nn.Module, pe.HookedViT]:
    """timm's module with random weights, and ours with the same ones."""
    import timm

    original = timm.create_model(name, pretrained=False).eval().requires_grad_(False)
    return original, pe.from_timm(original)


@torch.no_grad()
def forward(name: str) -> list[Comparison]:
    original, model = models(name)
    x = torch.randn(1, 3, 224, 224)
    assert (model(x) - original(x)).abs().max() <= 1e-6, "not the same function, so not worth timing"
    ours = {
        ("plain", 1.05): lambda: model(x),
        ("every pattern cached", 1.15): lambda: model.run_with_cache(x, names="blocks.*.attn.hook_pattern"),
        ("every hook point cached", 1.3): lambda: model.run_with_cache(x, names="*"),
    }
    return [compare(f"{name}, {what}", work, lambda: original(x), target) for (what, target), work in ours.items()]


def main() -> None:
    for name in MODELS:
        show(f"forward pass beside timm, one image, {torch.get_num_threads()} threads", forward(name))


if __name__ == "__main__":
    main()
