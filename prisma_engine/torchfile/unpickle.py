"""Read a pickle that `torch.save` wrote without running it: no class is looked up and nothing is ever called.

A pickle is a program for a stack machine. This is such a machine for the few instructions that torch writes, on inert
values: a name stays a name, a tensor becomes a note of where its numbers lie, an object the dict of its fields. A name
that files of this `Kind` do not mention ends the reading with a sentence that says it.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prisma_engine.hub import LoadError

TENSOR = "torch._utils._rebuild_tensor_v2"
STORAGES = {
    "torch.FloatStorage": "float32",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.DoubleStorage": "float64",
}
NAMES = {TENSOR, "collections.OrderedDict", *STORAGES}
"""What a state dict mentions."""
NOTHING = re.compile("(?!)")

MAX_STEPS = 200_000


@dataclass(frozen=True)
class Kind:
    """What files of one kind may mention beside a state dict; everything else is refused.

    Attributes:
        noun: what a sentence calls what such a file holds, such as "SAE".
        mentions: names that may stand somewhere as values.
        objects: classes of which objects may be described; their fields are read, and no class is looked up.
        max_axes: of one tensor.
    """

    noun: str
    mentions: re.Pattern[str] = NOTHING
    objects: re.Pattern[str] = NOTHING
    max_axes: int = 2

    def allows(self, name: str) -> bool:
        return name in NAMES or bool(self.mentions.fullmatch(name) or self.objects.fullmatch(name))


@dataclass(frozen=True)
class Name:
    """A name that was mentioned; what it names is never looked up."""

    text: str


@dataclass(frozen=True)
class Storage:
    """Numbers in the record `data/<key>`."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class Place:
    """Where a tensor's numbers lie."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass
class Described:
    """The fields of an object whose class may not even exist here."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)


class Refused(Exception):
    """What was met; the caller says where."""


def inert(data: bytes, title: str, kind: Kind) -> Any:
    """What a pickle describes, of dicts, lists, tuples, texts, numbers and the values above.

    Raises:
        LoadError: for any other name, instruction or shape, in one sentence; nothing has been run then.
    """
    machine = _Machine(kind)
    end = -1
    try:
        for step, (op, argument, position) in enumerate(pickletools.genops(data)):
            if step >= MAX_STEPS:
                raise Refused(f"more instructions than any {kind.noun} needs")
            end = position or 0
            machine.run(op.name, argument)
    except Refused as refused:
        raise LoadError(f"{title} holds a pickle with {refused}; nothing in it was run") from None
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError):
        raise LoadError(f"{title} holds a pickle that torch.save did not write; nothing in it was run") from None
    if end + 1 != len(data):
        raise LoadError(f"{title} holds a second pickle behind the first; nothing in it was run")
    return machine.stack[-1]


class _Mark:
    pass


class _Machine:
    """The stack machine: one method for each instruction."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, op: str, argument: Any) -> None:
        if op in ("PROTO", "FRAME", "STOP"):
            return
        if op in CONSTANTS:
            self.stack.append(CONSTANTS[op]())
        elif op in LITERALS:
            self.stack.append(argument)
        elif op in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif op == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif op in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif op in ("GLOBAL", "INST"):
            self.stack.append(self.name(argument.replace(" ", ".", 1)))
        elif op in OPERATIONS:
            OPERATIONS[op](self)
        else:
            raise Refused(f"the instruction {op}, which torch.save never writes")

    def pop(self) -> Any:
        if isinstance(self.stack[-1], _Mark):
            raise IndexError
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        found = []
        while not isinstance(value := self.stack.pop(), _Mark):
            found.append(value)
        return found[::-1]

    def name(self, text: str) -> Name:
        if not self.kind.allows(text):
            raise Refused(f"the name {text!r:.100}, which no {self.kind.noun} needs")
        return Name(text)

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        self.stack.append(self.name(f"{module}.{name}"))

    def tuple_of(self, n: int) -> None:
        values = [self.pop() for _ in range(n)]
        self.stack.append(tuple(reversed(values)))

    def extend(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise Refused("something appended to what is no list")
        self.stack[-1].extend(values)

    def update(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not dict:
            raise Refused("an item set in what is no dict")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str | int):
                raise Refused("a key that is neither a text nor a number")
            self.stack[-1][key] = value

    def reduce(self) -> None:
        arguments, called = self.pop(), self.pop()
        if called == Name("collections.OrderedDict") and arguments == ():
            self.stack.append({})
        elif called == Name("torch.device") and isinstance(arguments, tuple):
            self.stack.append("a device")
        elif called == Name(TENSOR):
            self.stack.append(_place(arguments))
        else:
            raise Refused(f"a call of {called.text if isinstance(called, Name) else 'what is no name'}")

    def new_object(self) -> None:
        arguments, kind = self.pop(), self.pop()
        if not isinstance(kind, Name) or not self.kind.objects.fullmatch(kind.text) or arguments != ():
            raise Refused(f"an object of {kind.text if isinstance(kind, Name) else 'no class'}")
        self.stack.append(Described(kind.text))

    def build(self) -> None:
        state, target = self.pop(), self.stack[-1]
        if isinstance(target, Described) and type(state) is dict:
            target.fields.update(state)
        elif type(target) is not dict or type(state) is not dict:  # an OrderedDict's notes on versions are left out
            raise Refused("a state given to what has none")

    def persistent(self) -> None:
        kind, storage, key, location, count = self.pop()
        if kind != "storage" or not isinstance(storage, Name) or storage.text not in STORAGES:
            raise Refused("a reference to something other than numbers")
        if not (isinstance(key, str) and key.isdecimal() and isinstance(location, str) and _is_count(count)):
            raise Refused("a reference that says no place")
        self.stack.append(Storage(key, STORAGES[storage.text], count))


CONSTANTS: dict[str, Callable[[], Any]] = {
    "MARK": _Mark,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
LITERALS = {
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT",
}  # fmt: skip
OPERATIONS: dict[str, Callable[[_Machine], None]] = {
    "TUPLE": lambda m: m.stack.append(tuple(m.since_mark())),
    "TUPLE1": lambda m: m.tuple_of(1),
    "TUPLE2": lambda m: m.tuple_of(2),
    "TUPLE3": lambda m: m.tuple_of(3),
    "APPEND": lambda m: m.extend([m.pop()]),
    "APPENDS": lambda m: m.extend(m.since_mark()),
    "SETITEM": lambda m: m.update([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m: m.update(m.since_mark()),
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.new_object,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
}


def _place(arguments: Any) -> Place:
    storage, offset, shape, stride, *_ = arguments
    numbers = (offset, *shape, *stride)
    if not isinstance(storage, Storage) or not all(map(_is_count, numbers)) or len(shape) != len(stride):
        raise Refused("a tensor that says no place")
    return Place(storage, offset, tuple(shape), tuple(stride))


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**48
