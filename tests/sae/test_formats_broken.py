"""Archives, arrays and configs that lie about what they hold: each refused in one sentence, and nothing runs."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from attacks import PROTO, STOP, Reduced, archive, records_of, refused, saved, text
from foreign_saes import D_IN, D_SAE, config_class, prisma_state, with_config, write_prisma
from prisma_engine.sae import SAE, files
from saes import random_sae

STATE = prisma_state()
STORAGE = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x04tQ"


def tensor(size: bytes, stride: bytes, offset: bytes = b"K\x00") -> bytes:
    """A state dict of one tensor over four numbers."""
    arguments = STORAGE + offset + size + stride + b"\x89ccollections\nOrderedDict\n)R"
    return PROTO + b"}" + text("W_dec") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tRs" + STOP


FOUR = {"data/0": b"\x00" * 16}
HUGE = b"\x8a\x06" + (2**40).to_bytes(6, "little")
ARCHIVES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "code beside the numbers": (
        lambda path: archive(path, saved(STATE), {"code/__torch__.py": b"import os"}),
        "a record 'code/__torch__.py' that torch.save does not write",
    ),
    "TorchScript": (
        lambda path: archive(path, saved(STATE), {"constants.pkl": PROTO + b")" + STOP}),
        "a record 'constants.pkl'",
    ),
    "a second description": (
        lambda path: archive(path, saved(STATE), {"../data.pkl": b""}),
        "a record '../data.pkl'",
    ),
    "a compressed bomb": (
        lambda path: archive(path, saved(STATE), {"data/0": bytes(10**7)}, compression=zipfile.ZIP_DEFLATED),
        "is compressed or encrypted, which torch.save never does",
    ),
    "no description": (lambda path: _rezipped(path, {"data/0": b""}), "describes no tensors"),
    "an endless description": (lambda path: archive(path, b"N0" * 1_500_000), "takes more than 2 MB"),
    "a big-endian machine": (lambda path: archive(path, saved(STATE), {"byteorder": b"big"}), "big-endian"),
    "numbers that are not there": (lambda path: archive(path, saved(STATE)), "and the file does not hold them"),
    "fewer numbers than claimed": (
        lambda path: archive(path, tensor(b"K\x02K\x02\x86", b"K\x02K\x01\x86"), {"data/0": b"\x00" * 12}),
        "claims 4 numbers for W_dec, and the file does not hold them",
    ),
    "a shape beyond its numbers": (
        lambda path: archive(path, tensor(b"K\x02K\x03\x86", b"K\x03K\x01\x86"), FOUR),
        "has shape (2, 3), and the file has no such numbers for it",
    ),
    "an offset beyond its numbers": (
        lambda path: archive(path, tensor(b"K\x02K\x02\x86", b"K\x02K\x01\x86", b"K\x03"), FOUR),
        "has shape (2, 2), and the file has no such numbers for it",
    ),
    "an absurd shape": (
        lambda path: archive(path, tensor(HUGE + HUGE + b"\x86", HUGE + b"K\x01\x86"), FOUR),
        "has shape (1099511627776, 1099511627776), and the file has no such numbers",
    ),
    "a stride of zero": (
        lambda path: archive(path, tensor(b"K\x02K\x02\x86", b"K\x00K\x00\x86"), FOUR),
        "is laid out with strides (0, 0), which is not read here",
    ),
    "a negative shape": (
        lambda path: archive(path, tensor(b"J\xff\xff\xff\xffK\x02\x86", b"K\x02K\x01\x86"), FOUR),
        "a tensor that says no place",
    ),
    "no numbers at all": (
        lambda path: archive(path, tensor(b"K\x00K\x02\x86", b"K\x02K\x01\x86"), FOUR),
        "has shape (0, 2)",
    ),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-400]), "is not a zip archive"),
    "numbers overwritten by a header": (lambda path: _moved(path), "a record is not where it should be"),
    "empty": (lambda path: path.write_bytes(b""), "is not a zip archive"),
    "a list": (lambda path: torch.save([torch.zeros(3)], path), "holds no state dict"),
    "a number among tensors": (lambda path: torch.save(STATE | {"n": 3}, path), "holds 'n', which is no tensor"),
    "whole numbers": (
        lambda path: torch.save(STATE | {"b_enc": torch.zeros(D_SAE, dtype=torch.int32)}, path),
        "the name 'torch.IntStorage'",
    ),
    "a parameter instead of a tensor": (
        lambda path: torch.save(STATE | {"b_enc": torch.nn.Parameter(torch.zeros(D_SAE))}, path),
        "the name 'torch._utils._rebuild_parameter'",
    ),
    "a sparse tensor": (
        lambda path: torch.save(STATE | {"b_enc": torch.eye(3).to_sparse()}, path),
        "which no SAE needs",
    ),
    "a NaN": (
        lambda path: torch.save(STATE | {"b_enc": torch.full((D_SAE,), torch.nan)}, path),
        "b_enc of mine holds a number that is not finite",
    ),
    "an infinity after rounding": (
        lambda path: torch.save(STATE | {"b_enc": torch.full((D_SAE,), 1e300, dtype=torch.float64)}, path),
        "b_enc of mine holds a number that is not finite",
    ),
    "a missing tensor": (
        lambda path: torch.save({n: t for n, t in STATE.items() if n != "b_dec"}, path),
        "do not fit its config: b_dec is missing",
    ),
    "a tensor too many": (
        lambda path: torch.save(STATE | {"optimizer": torch.zeros(3)}, path),
        "holds 'optimizer', which no Prisma SAE has",
    ),
    "a gate that is not used": (
        lambda path: torch.save(STATE | {"r_mag": torch.zeros(D_SAE)}, path),
        "r_mag is not a part of it",
    ),
    "a wrong shape": (
        lambda path: torch.save(STATE | {"W_enc": torch.zeros(D_SAE, D_IN)}, path),
        f"W_enc has shape ({D_IN}, {D_SAE}), expected ({D_SAE}, {D_IN})",
    ),
    "a scalar": (lambda path: torch.save(STATE | {"W_dec": torch.tensor(3.0)}, path), "have no matrix W_dec"),
    "a cube": (lambda path: torch.save(STATE | {"W_dec": torch.zeros(2, 2, 2)}, path), "has shape (2, 2, 2)"),
}


def _rezipped(path: Path, records: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, record in records.items():
            file.writestr(f"weights/{name}", record)


def _moved(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0:4] = b"\x00" * 4
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_broken_archives(kind, tmp_path):
    damage, words = ARCHIVES[kind]
    write_prisma(tmp_path / "mine")
    SAE.load(tmp_path / "mine")
    damage(tmp_path / "mine" / "weights.pt")
    assert words in refused(tmp_path / "mine", tmp_path / "canary")


def test_hand_made_archives_can_be_good(tmp_path):
    write_prisma(tmp_path / "mine")
    archive(tmp_path / "mine" / "weights.pt", saved(STATE), records_of(STATE))
    assert torch.equal(SAE.load(tmp_path / "mine").W_dec, STATE["W_dec"])


@pytest.mark.parametrize("pickled", [False, True])
def test_numbers_that_were_saved_on_a_gpu_are_read_on_a_processor(pickled, tmp_path):
    write_prisma(tmp_path / "mine", pickled=pickled)
    with config_class():
        contents = with_config(STATE) if pickled else STATE
        data, records = saved(contents), records_of(contents)
    archive(tmp_path / "mine" / "weights.pt", data.replace(text("cpu"), text("cuda:0")), records)
    assert b"cuda:0" in (tmp_path / "mine" / "weights.pt").read_bytes()
    assert torch.equal(SAE.load(tmp_path / "mine").W_dec, STATE["W_dec"])


def test_configs_that_are_traps(tmp_path):
    write_prisma(tmp_path / "mine")
    path = tmp_path / "mine" / "config.json"
    for contents, words in (
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a": "' + "x" * 5_000_000 + '"}', "has 5 MB; that is no config"),
        ("{", "cannot be read"),
        ("[]", "is not a JSON object"),
        (json.dumps({"d_in": float("nan")}), "lacks"),
    ):
        path.write_text(contents)
        assert words in refused(tmp_path / "mine", tmp_path / "canary")


GEMMA = "gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71"


def arrays() -> dict[str, np.ndarray]:
    shapes = {
        "W_enc": (D_IN, D_SAE),
        "W_dec": (D_SAE, D_IN),
        "b_enc": (D_SAE,),
        "b_dec": (D_IN,),
        "threshold": (D_SAE,),
    }
    return {name: np.ones(shape, np.float32) for name, shape in shapes.items()}


def npy(array: np.ndarray, **header: Any) -> bytes:
    """An .npy file, with a header that may lie."""
    buffer = io.BytesIO()
    described = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape} | header
    np.lib.format.write_array_header_1_0(buffer, described)
    return buffer.getvalue() + array.tobytes()


def test_npz_files_that_are_traps(tmp_path):
    canary = tmp_path / "canary"
    folder = tmp_path / GEMMA
    folder.mkdir(parents=True)
    path = folder / "params.npz"
    attack = np.array([Reduced(exec, f"open({str(canary)!r}, 'w').close()")], dtype=object)
    changed: dict[str, Any] = arrays() | {"b_enc": attack}
    np.savez(path, **changed)
    assert np.load(path, allow_pickle=True)["b_enc"].shape == (1,)
    assert canary.exists()  # the attack is real
    canary.unlink()
    assert "holds Python objects, which are pickles; nothing in it was run" in refused(folder, canary)
    good = {f"{name}.npy": npy(array) for name, array in arrays().items()}
    how: dict[str, Any]
    for name, contents, how, words in (
        ("W_enc.npy", npy(arrays()["W_enc"], shape=(D_IN, 10**9)), {}, "claims shape (12, 1000000000)"),
        ("W_enc.npy", npy(arrays()["W_enc"], shape=(10**9, 10**9)), {}, "claims shape"),
        ("W_enc.npy", npy(arrays()["W_enc"], shape=(2, 3)), {}, "claims shape (2, 3)"),
        ("W_enc.npy", npy(arrays()["W_enc"], descr="|O"), {}, "holds Python objects"),
        ("W_enc.npy", b"\x93NUMPY\x01\x00\xff\xff__import__('os')", {}, "is not a readable .npz file"),
        ("W_enc.npy", pickle.dumps({"x": 1}), {}, "is not a readable .npz file"),
        ("W_enc.npy", good["W_enc.npy"], {"compression": zipfile.ZIP_LZMA}, "compressed in a way"),
        ("../../x.npy", b"", {}, "entries that no SAE has"),
    ):
        with zipfile.ZipFile(path, "w", **how) as file:
            for entry, data in (good | {name: contents}).items():
                file.writestr(entry, data)
        assert words in refused(folder, canary), name
    path.write_bytes(pickle.dumps({"x": Reduced(exec, f"open({str(canary)!r}, 'w').close()")}))
    assert "is not a readable .npz file" in refused(folder, canary)


def header(tensors: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_safetensors_files_that_are_traps(tmp_path):
    files.save(random_sae(), tmp_path / "mine")
    path, config = tmp_path / "mine" / files.WEIGHTS, tmp_path / "mine" / files.CONFIG
    good = path.read_bytes()
    for contents in (
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 10**6) + b"{}",
        header({"W_enc": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 16]}}, bytes(16)),
        header({"W_enc": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 2**60]}}, bytes(16)),
        header({"W_enc": {"dtype": "F32", "shape": [-2, -2], "data_offsets": [0, 16]}}, bytes(16)),
        header({"W_enc": {"dtype": "PICKLE", "shape": [2, 2], "data_offsets": [0, 16]}}, bytes(16)),
        b"",
        good[:100],
    ):
        path.write_bytes(contents)
        assert "is not a readable safetensors file" in refused(tmp_path / "mine", tmp_path / "canary")
    path.write_bytes(good)
    values = json.loads(config.read_text())
    for changes, words in (
        ({"d_sae": 10**12, "k": 5}, "latents of width 12; that is too large to be opened here"),
        ({"d_sae": 10**7, "k": 5}, "W_enc has shape (40, 12), expected (10000000, 12)"),
        ({"k": -1}, "k is -1; topk needs"),
        ({"k": 2.5}, "k is 2.5, which is not of its kind"),
        ({"k": True}, "k is True, which is not of its kind"),
        ({"hook_name": 3}, "hook_name is 3, which is not of its kind"),
        ({"revision": ["x"]}, "revision is ('x',), which is not of its kind"),
        ({"probe": "high"}, "probe is 'high', which is not of its kind"),
    ):
        config.write_text(json.dumps(values | changes))
        assert words in refused(tmp_path / "mine", tmp_path / "canary")


def test_a_saelens_file_with_a_pickle_for_weights(tmp_path):
    canary = tmp_path / "canary"
    (tmp_path / "mine").mkdir()
    fields = {"d_in": 2, "d_sae": 4, "model_name": "m/m", "hook_name": "blocks.0.hook_resid_post"}
    (tmp_path / "mine" / "cfg.json").write_text(json.dumps(fields))
    weights = tmp_path / "mine" / "sae_weights.safetensors"
    weights.write_bytes(pickle.dumps({"x": Reduced(exec, f"open({str(canary)!r}, 'w').close()")}))
    assert "is not a readable safetensors file" in refused(tmp_path / "mine", canary)
    save_file({"W_enc": torch.zeros(2, 4)}, weights)
    assert "do not fit its config: " in refused(tmp_path / "mine", canary)
