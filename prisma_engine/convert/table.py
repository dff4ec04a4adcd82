"""What every converter shares: a table from our parameters to the source's keys, applied without remainder.

A table names each of our modules or parameters once, with `{i}` for the layer, and where it comes from: a source
module or key (a string), or a `Source` that joins several. Rows for parameters that a model does not have are not
used, so one table serves all variants of a family; every key of the source must be used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from prisma_engine.config import ViTConfig
from prisma_engine.vit import HookedViT


class NotUnderstood(ValueError):
    """The original does something that the engine does not; the message is one sentence that names it."""


@dataclass(frozen=True)
class Source:
    """Where one parameter comes from: source keys, and how their tensors become one."""

    keys: tuple[str, ...]
    make: Callable[..., Tensor] = lambda *tensors: torch.cat(tensors)


Table = Mapping[str, str | Source]


def join(*keys: str, axis: int = 0) -> Source:
    """Several source tensors, or the weights and biases of several modules, in this order along `axis`."""
    return Source(keys, lambda *tensors: torch.cat(tensors, dim=axis))


def split(key: str, thirds: slice) -> Source:
    """Some of the three equal parts that q, k and v have in a packed tensor."""
    return Source((key,), lambda packed: packed.unflatten(0, (3, -1))[thirds].flatten(0, 1))


def convert(config: ViTConfig, table: Table, state: Mapping[str, Tensor], ignore: Collection[str] = ()) -> HookedViT:
    """A model of this shape with the source's weights, in eval mode and without gradients.

    Args:
        state: the source's state dict. Tensors are copied, so the source may change or go away.
        ignore: source keys that take no part in the forward pass; a trailing `*` stands for anything.

    Raises:
        NotUnderstood: if keys are left over, missing or misshapen.
    """
    with torch.device("meta"):
        model = HookedViT(config)
    unused = {key for key in state if not any(_matches(key, pattern) for pattern in ignore)}
    weights: dict[str, Tensor] = {}
    for name, parameter in model.state_dict().items():
        source = find_source(name, table)
        weights[name] = _shaped(name, parameter, source, [_take(state, key, name) for key in source.keys])
        unused.difference_update(source.keys)
    if unused:
        raise NotUnderstood(f"these weights of the original are not understood: {_listed(sorted(unused))}")
    model.load_state_dict(weights, assign=True)
    return model.eval().requires_grad_(False)


def find_source(name: str, table: Table) -> Source:
    """The source of one of our parameters: its own row, or its module's row with `.weight` or `.bias` added.

    Raises:
        NotUnderstood: if the table has no row for it.
    """
    layer = re.match(r"blocks\.(\d+)\.", name)
    row_name = name if layer is None else f"blocks.{{i}}.{name[layer.end() :]}"
    module, _, leaf = row_name.rpartition(".")
    suffix = "" if row_name in table else f".{leaf}"
    row = table.get(row_name, table.get(module))
    if row is None:
        raise NotUnderstood(f"this family has no {name}")
    source = Source((row,)) if isinstance(row, str) else row
    i = "" if layer is None else layer[1]
    return Source(tuple(key.replace("{i}", i) + suffix for key in source.keys), source.make)


def expect_children(module: nn.Module, allowed: Mapping[str, type | tuple[type, ...]], where: str) -> None:
    """Refuse a source module with a submodule that is unknown, or not exactly of a known type.

    Raises:
        NotUnderstood: naming the submodule and its type.
    """
    for name, child in module.named_children():
        types = allowed.get(name, ())
        if type(child) not in (types if isinstance(types, tuple) else (types,)):
            raise NotUnderstood(f"{where}{name} is a {type(child).__name__}, which is not understood here")


def expect_same(values: Collection[Any], what: str) -> Any:
    """The one value that all layers share.

    Raises:
        NotUnderstood: if they differ.
    """
    distinct = set(values)
    if len(distinct) != 1:
        raise NotUnderstood(f"{what} differs between layers ({_listed(sorted(map(str, distinct)))})")
    return distinct.pop()


def _take(state: Mapping[str, Tensor], key: str, name: str) -> Tensor:
    if key not in state:
        raise NotUnderstood(f"the original has no {key}, which {name} comes from")
    return state[key]


def _shaped(name: str, parameter: Tensor, source: Source, tensors: list[Tensor]) -> Tensor:
    """The source's tensors as our parameter; only leading axes of length 1 may be added."""
    try:
        made = source.make(*tensors)
    except (RuntimeError, IndexError) as error:
        raise NotUnderstood(f"{_listed(source.keys)} cannot be joined into {name}: {error}") from None
    shape = tuple(parameter.shape)
    if (1,) * (len(shape) - made.ndim) + tuple(made.shape) != shape:
        got = " + ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise NotUnderstood(f"{_listed(source.keys)} has shape {got}, which does not make {name} {shape}")
    return made.detach().reshape(shape).clone(memory_format=torch.contiguous_format)


def _matches(key: str, pattern: str) -> bool:
    return key.startswith(pattern[:-1]) if pattern.endswith("*") else key == pattern


def _listed(names: Collection[str], most: int = 4) -> str:
    listed = list(names)
    rest = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + rest
