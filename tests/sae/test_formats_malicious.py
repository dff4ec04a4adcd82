"""Files that attack whoever opens them, and files that are broken: each refused in one sentence, and nothing runs."""

from __future__ import annotations

import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from attacks import PROTO, STOP, Reduced, archive, call, python, refused, text, touch
from foreign_saes import MODULE, config_class, prisma_state, with_config, write_prisma


def nested(canary: Path) -> bytes:
    inner = PROTO + call("posix.system", touch(canary)) + STOP
    return call("_pickle.loads", b"c_codecs\nencode\n(" + text(inner.decode("latin1")) + text("latin1") + b"tR")


# instructions that leave the result of running something on the stack, and the name that must be in the refusal
CALLS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "os.system": (lambda c: call("os.system", touch(c)), "'os.system'"),
    "posix.system": (lambda c: call("posix.system", touch(c)), "'posix.system'"),
    "eval": (lambda c: call("builtins.eval", python(c)), "'builtins.eval'"),
    "exec of Python 2": (lambda c: call("__builtin__.exec", python(c)), "'__builtin__.exec'"),
    "subprocess": (
        lambda c: call("subprocess.getoutput", touch(c)),
        "'subprocess.getoutput'",
    ),
    "a chain of getattr": (
        lambda c: (
            b"cbuiltins\ngetattr\n("
            + call("builtins.__import__", text("os"))
            + text("system")
            + b"tR("
            + touch(c)
            + b"tR"
        ),
        "'builtins.getattr'",
    ),
    "operator.attrgetter": (
        lambda c: (
            call("operator.attrgetter", text("system"))
            + b"("
            + call("builtins.__import__", text("os"))
            + b"tR("
            + touch(c)
            + b"tR"
        ),
        "'operator.attrgetter'",
    ),  # fmt: skip
    "functools.partial": (
        lambda c: b"cfunctools\npartial\n(cposix\nsystem\n" + touch(c) + b"tR)R",
        "'functools.partial'",
    ),
    "copyreg": (
        lambda c: b"ccopyreg\n__newobj__\n(cbuiltins\nobject\ntR" + call("posix.system", touch(c)) + b"\x86",
        "'copyreg.__newobj__'",
    ),
    "a pickle in a pickle": (nested, "'_pickle.loads'"),
    "runpy": (lambda c: call("runpy._run_code", python(c), b"}"), "'runpy._run_code'"),
    "protocol 4 names": (
        lambda c: text("posix") + text("system") + b"\x93(" + touch(c) + b"tR",
        "'posix.system'",
    ),
    "INST": (lambda c: b"(" + touch(c) + b"iposix\nsystem\n", "'posix.system'"),
    "OBJ": (lambda c: b"(cposix\nsystem\n" + touch(c) + b"o", "'posix.system'"),
    "a call hidden behind a known name": (
        lambda c: b"ccollections\nOrderedDict\n" + call("posix.system", touch(c)) + b"\x86",
        "'posix.system'",
    ),
}


@pytest.mark.parametrize("kind", CALLS)
def test_the_attacks_are_real(kind, tmp_path):
    instructions, _ = CALLS[kind]
    canary = tmp_path / "canary"
    pickle.loads(PROTO + instructions(canary) + STOP)
    assert canary.exists()


@pytest.mark.parametrize("where", ["a state dict", "a config", "alone"])
@pytest.mark.parametrize("kind", CALLS)
def test_calls_are_refused_by_their_name(kind, where, tmp_path):
    instructions, name = CALLS[kind]
    canary = tmp_path / "canary"
    write_prisma(tmp_path / "mine")
    attack = instructions(canary)
    around = {
        "a state dict": b"}(" + text("W_enc") + attack + b"u",
        "a config": b"}(" + text("cfg") + attack + text("state_dict") + b"}u",
        "alone": attack,
    }
    archive(tmp_path / "mine" / "weights.pt", PROTO + around[where] + STOP)
    assert f"holds a pickle with the name {name}, which no SAE needs; nothing in it was run" in refused(
        tmp_path / "mine", canary
    )


def test_torch_load_as_a_gadget(tmp_path):
    canary = tmp_path / "canary"
    torch.save({"x": Reduced(exec, f"open({str(canary)!r}, 'w').close()")}, tmp_path / "inner.pt")
    write_prisma(tmp_path / "mine")
    inner = text(str(tmp_path / "inner.pt"))
    data = PROTO + call("torch.serialization.load", inner) + STOP
    archive(tmp_path / "mine" / "weights.pt", data)
    assert "the name 'torch.serialization.load'" in refused(tmp_path / "mine", canary)


def test_beside_a_good_state_dict_and_an_honest_config(tmp_path):
    canary = tmp_path / "canary"
    with config_class():
        contents = with_config(prisma_state(), lr_scheduler=Reduced(eval, f"open({str(canary)!r}, 'w').close()"))
        write_prisma(tmp_path / "mine")
        torch.save(contents, tmp_path / "mine" / "weights.pt")
    assert "the name '__builtin__.eval'" in refused(tmp_path / "mine", canary)


CONFIG = f"c{MODULE}\nVisionModelSAERunnerConfig\n".encode()
TRICKS: dict[str, tuple[bytes, str]] = {
    "an extension": (b"\x82\x01", "the instruction EXT1"),
    "a persistent id as text": (b"Pposix.system\n", "the instruction PERSID"),
    "a persistent id that is something else": (text("module") * 5 + b"tQ", "did not write"),
    "a storage of another kind": (
        b"(" + text("storage") + b"ccollections\nOrderedDict\n" + text("0") + text("cpu") + b"K\x01tQ",
        "a reference to something other than numbers",
    ),
    "a storage with a path for a key": (
        b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("../../etc/passwd") + text("cpu") + b"K\x01tQ",
        "a reference that says no place",
    ),
    "the config class called": (CONFIG + b"(" + text("x") + b"tR", f"a call of {MODULE}.VisionModelSAERunnerConfig"),
    "the config class with arguments": (CONFIG + b"(" + text("x") + b"t\x81", "an object of"),
    "a state with slots": (CONFIG + b")\x81N}\x86b", "a state given to what has none"),
    "another class of that module": (f"c{MODULE}\nCacheActivationsRunnerConfig\n".encode(), "which no SAE needs"),
    "attributes of a known class": (b"ccollections\nOrderedDict.fromkeys\n", "'collections.OrderedDict.fromkeys'"),
    "a known name that is called as another": (b"ctorch\nfloat32\n)R", "a call of torch.float32"),
    "an item set in an object": (CONFIG + b")\x81K\x01K\x02s", "an item set in what is no dict"),
    "bytes": (b"C\x01a", "the instruction SHORT_BINBYTES"),
    "a set": (b"\x8f", "the instruction EMPTY_SET"),
    "a memo far away": (b"Nr" + struct.pack("<I", 2**31 - 1), "holds no state dict"),
    "a memo that was never written": (b"h\x07", "did not write"),
    "an empty stack": (b"0", "the instruction POP"),
    "a cut instruction": (b"X\xff\xff\xff\x7fabc", "did not write"),
    "a key that is a tower of tuples": (
        b"})" + b"\x86".join([b"q\x00h\x00"] * 40) + b"\x86Ns",
        "a key that is neither",
    ),
    "a list of lists in itself": (b"]q\x00h\x00a", "holds no state dict"),
    "too much": (b"N0" * 10, "the instruction POP"),
}


@pytest.mark.parametrize("kind", TRICKS)
def test_tricks_with_the_machine(kind, tmp_path):
    instructions, words = TRICKS[kind]
    write_prisma(tmp_path / "mine")
    archive(tmp_path / "mine" / "weights.pt", PROTO + instructions + STOP)
    assert words in refused(tmp_path / "mine", tmp_path / "canary")


def test_a_second_pickle_behind_the_first(tmp_path):
    canary = tmp_path / "canary"
    write_prisma(tmp_path / "mine")
    second = PROTO + call("posix.system", touch(canary)) + STOP
    archive(tmp_path / "mine" / "weights.pt", PROTO + b"}" + STOP + second)
    assert "a second pickle behind the first; nothing in it was run" in refused(tmp_path / "mine", canary)


def test_what_is_no_archive(tmp_path):
    canary = tmp_path / "canary"
    write_prisma(tmp_path / "mine")
    path, attack = tmp_path / "mine" / "weights.pt", {"x": Reduced(exec, f"open({str(canary)!r}, 'w').close()")}
    path.write_bytes(pickle.dumps(attack))
    assert "is not a zip archive as torch.save writes it" in refused(tmp_path / "mine", canary)
    torch.save(attack, path, _use_new_zipfile_serialization=False)
    assert "is not a zip archive as torch.save writes it" in refused(tmp_path / "mine", canary)
    with tarfile.open(path, "w") as tar:
        (tmp_path / "pickle").write_bytes(pickle.dumps(attack))
        tar.add(tmp_path / "pickle", "pickle")
    assert "is not a zip archive as torch.save writes it" in refused(tmp_path / "mine", canary)
    for name in ("weights.pkl", "weights.pkl.gz"):
        path.unlink(missing_ok=True)
        (tmp_path / "mine" / name).write_bytes(pickle.dumps(attack))
        refused(tmp_path / "mine", canary)
        refused(tmp_path / "mine" / name, canary)
