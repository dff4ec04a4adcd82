"""What the Dogit Lens costs: the whole analysis beside one bare forward pass, and the bytes the browser gets."""

import torch

import prisma_engine as pe
from apps.common.payload import pack_lens
from benchmarks.forward import MODELS, models
from benchmarks.paired import Comparison, compare, show, verdict

MAX_KILOBYTES = 120  # for B/16, all 25 points of the stream


@torch.no_grad()
def lens(name: str) -> Comparison:
    original, model = models(name)
    x = torch.randn(1, 3, 224, 224)

    def analysis() -> bytes:
        return pack_lens(pe.logit_lens(model, x).logits[:, 0])

    comparison = compare(f"{name}, lens and packing", analysis, lambda: original(x), target=1.3)
    print(f"{name}: {len(analysis()) / 1000:.1f} kB, {verdict(len(analysis()) / 1000, MAX_KILOBYTES, ' kB')}")
    return comparison


def main() -> None:
    show(f"logit lens beside one bare forward pass, {torch.get_num_threads()} threads", [lens(name) for name in MODELS])


if __name__ == "__main__":
    main()
