"""Files that made Keras, PyTorch and NumPy run code, read secrets or exhaust memory.

Each is created here. Our reader must reject it without side effects; a careless reader, like the vulnerable versions,
shows that the attack works.

Source: the advisories CVE-2024-3660, CVE-2025-1550, -8747, -9905, -9906, -12058, -12060, -49655, CVE-2026-0897, -1462,
-1669, -12479, CVE-2024-0450 (zipfile).
"""

import base64
import importlib
import io
import json
import marshal
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import keras_files as good
import numpy as np
import pytest

from lstmctl.errors import Rejected
from lstmctl.interchange import from_keras, keras_file, model_files
from lstmctl.registry.artifact import ModelFolder

SECRET = np.arange(10_000, 10_060, dtype="<f4").reshape(good.ROWS, good.DIMENSION)
EMBEDDING = "layers/embedding/vars/0"


class Place:
    """The target of an attack: `canary` is created, or `secret` is read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.canary = folder, folder / "canary"
        self.secret, self.secret_h5 = folder / "secret.bin", folder / "secret.h5"
        self.secret.write_bytes(SECRET.tobytes())
        with h5py.File(self.secret_h5, "w") as file:
            file["secret"] = SECRET


class Pickled:
    """Unpickled, it makes the canary."""

    def __init__(self, place: Place) -> None:
        self.path = str(place.canary)

    def __reduce__(self):
        return os.mkdir, (self.path,)


# --- careless readers: the vulnerable versions in a few lines -----------------------------------------------------


def revive(value, place: Place):
    """Keras before 3.9 imports and calls every name in config.json. Names that need Keras or the network (get_file,
    TFSMLayer and so on) are stubs that make the canary.
    """
    if isinstance(value, list):
        return [revive(each, place) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__lambda__":
        code = marshal.loads(base64.b64decode(value["config"]["code"]))
        return exec(code, {"path": str(place.canary)})  # noqa: S102
    module, name = value.get("module"), value.get("registered_name") or value.get("class_name")
    inner = {key: revive(each, place) for key, each in value.items()}
    if {str(name), str(value.get("config"))} & STUBS:
        place.canary.mkdir(exist_ok=True)
        return None
    if isinstance(module, str) and not module.startswith("keras"):
        arguments = inner.get("config")
        function = getattr(importlib.import_module(module), str(name))
        return function(**arguments) if isinstance(arguments, dict) else function
    return inner


STUBS = {
    "get_file", "load_model", "enable_unsafe_deserialization", "TFSMLayer", "TorchModuleWrapper", "StringLookup",
    "TextVectorization", "evil>LSTM", "Lambda", "my_loss",
}  # fmt: skip


def by_config(data: bytes, place: Place) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        revive(json.loads(archive.read("config.json")), place)


def by_weights(data: bytes, place: Place) -> None:
    """Keras before 3.13.2: HDF5 follows every link and reads every named file."""
    path = place.folder / "model.weights.h5"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        path.write_bytes(archive.read(path.name))
    with h5py.File(path) as file:
        if (file[EMBEDDING][...] == SECRET).all():
            place.canary.mkdir()


def by_extracting(data: bytes, place: Place) -> None:
    """Names of members and layers used as paths."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        config = json.loads(archive.read("config.json"))
    names += [layer["config"].get("name", "") for layer in config["config"]["layers"]]
    inside = place.folder / "inside"
    if any(not Path(os.path.normpath(inside / name)).is_relative_to(inside) for name in names):
        place.canary.mkdir()


def by_unpickling(data: bytes, place: Place) -> None:
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (name,) = [each for each in archive.namelist() if each.endswith((".pkl", ".npy"))]
            if name.endswith(".npy"):
                np.load(io.BytesIO(data), allow_pickle=True)[name.removesuffix(".npy")]
                return
            data = archive.read(name)
    pickle.loads(data)  # noqa: S301


def by_untarring(data: bytes, place: Place) -> None:
    inside = place.folder / "inside"
    inside.mkdir()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extraction_filter = lambda member, path: member  # as before Python 3.14; 3.11.0 to 3 know no filter
        archive.extractall(inside)
    if (inside / "way").is_symlink():
        place.canary.mkdir()


def by_size(data: bytes, place: Place) -> None:
    """It declares a hundred times its size, or is ambiguous."""
    declared = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        declared = sum(member.file_size for member in members)
        names = [member.filename for member in members]
        if len(names) != len(set(names)) or any(member.flag_bits & 1 for member in members):
            place.canary.mkdir()
            return
        if declared < 100 * len(data):
            with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
                declared = max(file[EMBEDDING].nbytes, file[EMBEDDING].chunks is not None and 10**9)
    if declared >= 100 * len(data):
        place.canary.mkdir()


# --- the files -------------------------------------------------------------------------------------------------------


def _code(place: Place):
    code = compile("import os; os.mkdir(path)", "x", "exec")
    return {"class_name": "__lambda__", "config": {"code": base64.b64encode(marshal.dumps(code)).decode()}}


def _object(module, name, config=None, registered=None):
    return {"module": module, "class_name": name, "config": config or {}, "registered_name": registered}


def _mkdir(place: Place):
    return _object("os", "mkdir", {"path": str(place.canary)})


def _with_layer(make):
    def build(place):
        config = good.architecture()
        config["config"]["layers"].insert(2, make(place))
        return good.keras_file(config)

    return by_config, build


def _with_setting(number, name, make):
    """A changed setting of a layer: 1 is the embedding, 2 the LSTM."""

    def build(place):
        config = good.architecture()
        config["config"]["layers"][number]["config"][name] = make(place)
        return good.keras_file(config)

    return by_config, build


def _with(key, make):
    def build(place):
        return good.keras_file(good.architecture() | {key: make(place)})

    return by_config, build


def _with_weights(change, reader=by_weights, *, leave_out=(EMBEDDING,)):
    return reader, lambda place: good.keras_file(h5=good.weights(lambda file: change(file, place), leave_out=leave_out))


def _external_storage(file, place):
    file.create_dataset(EMBEDDING, SECRET.shape, "<f4", external=[(str(place.secret), 0, SECRET.nbytes)])


def _virtual(file, place):
    layout = h5py.VirtualLayout(SECRET.shape, "<f4")
    layout[:] = h5py.VirtualSource(str(place.secret_h5), "secret", SECRET.shape)
    file.create_virtual_dataset(EMBEDDING, layout)


def _external_link(file, place):
    file[EMBEDDING] = h5py.ExternalLink(str(place.secret_h5), "secret")


def _linked_group(file, place):
    del file["layers"]
    file["other/embedding/vars"] = h5py.ExternalLink(str(place.secret_h5), "/")
    file["layers"] = h5py.SoftLink("/other")
    with h5py.File(place.secret_h5, "a") as secret:
        secret["0"] = SECRET


def _declared(file, place):
    file.create_dataset(EMBEDDING, (2**14, 2**14), "<f4")


def _filled(file, place):
    """The right shape, but no data: the values come from a fill value."""
    file.create_dataset(EMBEDDING, SECRET.shape, "<f4", chunks=SECRET.shape, compression="gzip", fillvalue=7)


def _plugin(file, place):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk(SECRET.shape)
    plan.set_filter(32_015, h5py.h5z.FLAG_OPTIONAL, (1,))
    space = h5py.h5s.create_simple(SECRET.shape)
    h5py.h5d.create(file.require_group("layers/embedding/vars").id, b"0", h5py.h5t.IEEE_F32LE, space, dcpl=plan)


def _named(name):
    def build(place):
        config = good.architecture()
        config["config"]["layers"][2]["config"]["name"] = name
        return good.keras_file(config)

    return by_extracting, build


def _member(name, data=b"x"):
    def build(place):
        buffer = io.BytesIO(good.keras_file())
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(name, data)
        return buffer.getvalue()

    return by_extracting, build


def _symlink(place):
    buffer = io.BytesIO(good.keras_file())
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("../way")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc")
    return buffer.getvalue()


def _twice(place):
    buffer = io.BytesIO(good.keras_file())
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", json.dumps(good.architecture()))
    return buffer.getvalue()


def _inflating(place):
    blanks = b" " * 10**8
    return good.keras_file(json.dumps(good.architecture()).encode() + blanks, packed=zipfile.ZIP_DEFLATED)


def _inflating_weights(place):
    return good.keras_file(h5=bytes(10**8), packed=zipfile.ZIP_DEFLATED)


def _encrypted(place):
    data = bytearray(good.keras_file())
    for signature, place_of_flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            data[at + place_of_flags] |= 1
    return bytes(data)


def _overlapping(place):
    """Every entry of the directory refers to the same compressed bytes."""
    data = bytearray(good.keras_file())
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 42 : at + 46] = bytes(4)
        struct.pack_into("<I", data, at + 24, 2**30)
    return bytes(data)


def _npz(place):
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.array([Pickled(place)], dtype=object))
    return buffer.getvalue()


def _tar(name, kind=tarfile.REGTYPE, link=""):
    def build(place):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            archive.addfile(member, io.BytesIO())
        return buffer.getvalue()

    return by_untarring, build


def _whole_h5(place):
    """model.save("x.h5"), with a Lambda inside."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["model_config"] = json.dumps(_code(place))
    return buffer.getvalue()


def by_h5_attribute(data: bytes, place: Place) -> None:
    with h5py.File(io.BytesIO(data)) as file:
        revive(json.loads(file.attrs["model_config"]), place)


def _pickled(place):
    return pickle.dumps(Pickled(place))


LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "registered_name": None}
ATTACKS = {
    # code and names of code in config.json
    "Lambda, bytecode": _with_layer(lambda place: good.layer("Lambda", function=_code(place))),
    "bytecode as an activation": _with_setting(2, "activation", _code),
    "bytecode as an initializer": _with_setting(2, "kernel_initializer", _code),
    "a layer of any module": _with_layer(_mkdir),
    "an initializer of any module": _with_setting(1, "embeddings_initializer", _mkdir),
    "a regularizer of any module": _with_setting(2, "kernel_regularizer", _mkdir),
    "a function of any module": _with_setting(
        2,
        "activation",
        lambda place: _object("os", "function", registered="mkdir") | {"config": {"path": str(place.canary)}},
    ),
    "a dtype of any module": _with_setting(2, "dtype", _mkdir),
    "a loss of any module": _with("compile_config", lambda place: {"loss": _mkdir(place)}),
    "an optimizer of any module": _with("compile_config", lambda place: {"optimizer": _mkdir(place)}),
    "a build config of any module": _with("build_config", _mkdir),
    "a loss by its name": _with(
        "compile_config", lambda place: {"loss": _object("builtins", "function", "my_loss", "function")}
    ),
    "get_file": _with_setting(
        2, "activation", lambda place: {"module": "keras.utils", "class_name": "function", "config": "get_file"}
    ),
    "unsafe mode switched on": _with_layer(lambda place: _object("keras.config", "enable_unsafe_deserialization")),
    "load_model in a Lambda": _with_layer(
        lambda place: good.layer("Lambda", function=_object("keras.saving", "function", "load_model"))
    ),
    "a registered name that shadows": _with_layer(
        lambda place: good.layer("LSTM", units=good.UNITS) | {"registered_name": "evil>LSTM"}
    ),
    "TFSMLayer": _with_layer(lambda place: good.layer("TFSMLayer", filepath=str(place.folder))),
    "TorchModuleWrapper": _with_layer(lambda place: good.layer("TorchModuleWrapper", module=_code(place))),
    "StringLookup of a file": _with_layer(lambda place: good.layer("StringLookup", vocabulary=str(place.secret))),
    "TextVectorization of an address": _with_layer(
        lambda place: good.layer("TextVectorization", vocabulary="http://localhost:9/")
    ),
    "TimeDistributed around a Lambda": _with_layer(
        lambda place: good.layer("TimeDistributed", layer=good.layer("Lambda", function=_code(place)))
    ),
    "Bidirectional around a Lambda": _with_layer(
        lambda place: good.layer("Bidirectional", layer=good.layer("LSTM", units=2), backward_layer=LAMBDA)
    ),
    "a model in the model": _with_layer(
        lambda place: {"class_name": "Sequential", "config": {"layers": [_mkdir(place)]}, "module": "keras"}
    ),
    "layers of another type": _with("config", lambda place: {"layers": _mkdir(place)}),
    # HDF5
    "external storage": _with_weights(_external_storage),
    "external link": _with_weights(_external_link),
    "virtual dataset": _with_weights(_virtual),
    "links above": _with_weights(_linked_group),
    "1 GiB declared": _with_weights(_declared, by_size),
    "a fill value": _with_weights(_filled, by_size),
    "a filter of a plugin": _with_weights(_plugin, by_size),
    # ZIP, and names as paths
    "a layer named as a path": _named("../../canary"),
    "a layer named as a path of Windows": _named("..\\..\\canary/../.."),
    "a member that leads outside": _member("../canary"),
    "an absolute member": _member("/etc/canary"),
    "a member that is a link": (by_extracting, _symlink),
    "a member twice": (by_size, _twice),
    "members that overlap": (by_size, _overlapping),
    "an encrypted member": (by_size, _encrypted),
    "a config that grows": (by_size, _inflating),
    "weights that grow": (by_size, _inflating_weights),
    # other containers under this name
    "pickle": (by_unpickling, _pickled),
    ".pt": (by_unpickling, lambda place: good.archive({"model/data.pkl": _pickled(place)})),
    ".npz": (by_unpickling, _npz),
    ".h5 with bytecode": (by_h5_attribute, _whole_h5),
    "tar that leads outside": _tar("../canary"),
    "tar with a link": _tar("way", tarfile.SYMTYPE, "/etc"),
}
# What a reader of a model file never does.
FORBIDDEN = {
    "exec", "compile", "marshal.loads", "pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "os.mkdir",
    "subprocess.Popen", "socket.connect", "ctypes.dlopen", "import", "open",
}  # fmt: skip

_seen: list[tuple[str, str]] = []
_watching = False


def _watch(event, arguments):
    if _watching and event in FORBIDDEN:
        _seen.append((event, ascii(arguments[:1])[:100]))


@pytest.fixture(scope="module")
def watch():
    """Records the FORBIDDEN events while `call` runs."""
    sys.addaudithook(_watch)

    def call(function):
        global _watching  # noqa: PLW0603  # an audit hook can never be removed
        _seen.clear()
        _watching = True
        try:
            return function()
        finally:
            _watching = False

    return call


def test_unchanged_file_is_read():
    network, weights = keras_file.read(io.BytesIO(good.keras_file()))
    assert (network.length, network.config.units) == (good.LENGTH, good.UNITS)
    assert weights["embedding"].shape == (good.ROWS, good.DIMENSION)
    packed = good.keras_file(packed=zipfile.ZIP_DEFLATED)
    assert keras_file.read(io.BytesIO(packed))[0] == network


def test_number_of_attacks():
    assert len(ATTACKS) >= 40


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_rejected_without_side_effects(name, tmp_path, watch):
    careless, build = ATTACKS[name]
    place = Place(tmp_path)
    data = build(place)
    before = sorted(tmp_path.iterdir())

    def read_both():
        with pytest.raises(ValueError, match="."):
            keras_file.read(io.BytesIO(data))
        with pytest.raises(Rejected):
            model_files.read_members(io.BytesIO(data), "it")

    keras_file.read(io.BytesIO(good.keras_file()))  # import now what is imported on first use
    watch(read_both)
    assert _seen == []
    assert sorted(tmp_path.iterdir()) == before
    careless(data, place)
    assert place.canary.exists(), "the attack has no effect, so the test shows nothing"


def test_watch_sees_side_effects(watch, tmp_path):
    watch(lambda: by_unpickling(_pickled(Place(tmp_path)), Place(tmp_path)))
    assert {"open", "pickle.find_class", "os.mkdir"} <= {event for event, _ in _seen}


def test_import_rejects_every_attack(cli, tmp_path):
    """Through the child process, two at a time."""
    files = []
    for number, (_, build) in enumerate(ATTACKS.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(folder / "it.keras")
        files[-1].write_bytes(build(Place(folder)))

    def error(path):
        with pytest.raises(Rejected) as caught:
            from_keras.read(path)
        return caught.value

    with ThreadPoolExecutor(2) as pool:
        errors = list(pool.map(error, files))
    assert {int(each.exit_code) for each in errors} == {76}
    assert [each.message for each in errors if "never needs" in each.message or not each.message.isprintable()] == []
    assert [path for path in files if (path.parent / "canary").exists()] == []
    words = tmp_path / "words.txt"
    words.write_text("the\nfilm\n")
    for path in files[:2]:
        result = cli("models", "import", path, "--vocab", words)
        assert (result.code, result.out) == (76, "")
        assert result.err.count("\n") == 2  # the error and the hint
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", ["pickle", ".pt", ".npz", "tar that leads outside", "Lambda, bytecode"])
def test_attack_as_weights_file(name, tmp_path, model_path):
    """An attack file named weights.safetensors."""
    (model_path / "weights.safetensors").write_bytes(ATTACKS[name][1](Place(tmp_path)))
    with pytest.raises(Rejected):
        ModelFolder(model_path, "tiny@1").verify()
    assert not (tmp_path / "canary").exists()


PRIVILEGES = """
import sys
from lstmctl.interchange import keras_file
keras_file.give_up_privileges()
{operation}
print("done")
"""


@pytest.mark.parametrize(
    "operation",
    [
        "open('/etc/passwd')",
        "import colorsys",
        "exec('1')",
        "__import__('os').system('true')",
        "__import__('subprocess').Popen(['true'])",
        "__import__('socket').socket()",
        "bytearray(2**30)",
        "import h5py._hl.base; keras_file.h5py.h5f.open(b'/etc/passwd')",
        "while True: pass",
    ],
)
def test_child_has_no_privileges(operation):
    program = PRIVILEGES.format(operation=operation).replace("give_up", "_SECONDS = 1; keras_file.give_up")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "done" not in done.stdout


MEASURED = """
import resource, sys
from pathlib import Path
from lstmctl.errors import Rejected
from lstmctl.interchange import from_keras
try:
    from_keras.read(Path(sys.argv[1]))
except Rejected:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "linux" else 1024**2))
"""


@pytest.mark.parametrize("name", ["1 GiB declared", "a config that grows", "weights that grow", "members that overlap"])
def test_bombs_take_little_time_and_memory(name, tmp_path):
    """The child process takes about 0.1 s after its start and 40 MB; the limits here are guards."""
    path = tmp_path / "bomb.keras"
    path.write_bytes(ATTACKS[name][1](Place(tmp_path)))
    done = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, check=True, timeout=30)
    assert 10 < int(done.stdout) < 256
