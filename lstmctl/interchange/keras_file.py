"""A reader of .keras files without Keras: `python -m lstmctl.interchange.keras_file < model.keras`.

A separate program, which `from_keras` runs as a child process: a .keras file is a ZIP archive with an HDF5 file, and
the library that reads HDF5 is large and written in C. Before it reads the first byte, the process gives up what it does
not need: opening files, writing files, starting programs, running code that is not loaded, and most of its time and
memory.

Nothing in the file is run or looked up by name. config.json must describe a supported network (`keras_network`). From
it follow the other contents: the number, shapes and storage of the arrays.

The result on stdout is a line of JSON, {"error": reason} or {"config": fields of ModelConfig, "length": words or null};
the latter is followed by the weights as safetensors.

Source: https://keras.io/guides/serialization_and_saving/ (Keras 3).
"""

import encodings.cp437  # noqa: F401  # for names in a ZIP archive, once nothing can be loaded
import json
import math
import resource
import sys
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, BinaryIO

import h5py
import numpy as np
import safetensors.numpy  # noqa: F401  # for `tensors.pack`
from numpy.typing import NDArray

from lstmctl.interchange.keras_network import ArrayLocation, Network, read_network
from lstmctl.registry import strictjson, tensors

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MAX_JSON = 2**20
_HDF5_OVERHEAD = 2**20  # bytes
_MAX_COMPRESSION = 20  # ratio; trained weights compress by a tenth at most
_SECONDS = 60
_MEMORY = 2**28  # bytes in addition to what the weights need
_FORBIDDEN = ("exec", "compile", "import", "open", "marshal.loads", "pickle.find_class", "code.__new__")
_FORBIDDEN_GROUPS = ("os", "subprocess", "socket", "ctypes", "shutil", "tempfile", "urllib", "glob")


class Forbidden(BaseException):
    """The process was about to do something that reading a .keras file never needs."""


def give_up_privileges() -> None:
    """From here on nothing can be opened or started, and time and memory are limited."""
    limit_memory(0)
    limits = {
        resource.RLIMIT_CPU: _SECONDS,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 3,  # the three that are open now
        resource.RLIMIT_NPROC: 0,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))
    sys.addaudithook(_deny)


def limit_memory(needed: int) -> None:
    """Limit memory to what is in use now, `needed` bytes, and some room."""
    if sys.platform == "linux":  # macOS enforces no such limit
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (_in_use() + _MEMORY + needed, hard))


@cache
def _in_use() -> int:
    """Bytes of address space at the first call; later nothing can be opened."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _deny(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _FORBIDDEN or event.partition(".")[0] in _FORBIDDEN_GROUPS:
        raise Forbidden(f"{event} {arguments[:1]!a:.60}")


def read(
    file: BinaryIO, *, allow: Callable[[int], None] = lambda needed: None
) -> tuple[Network, dict[str, NDArray[np.float32]]]:
    """The network in a .keras file and its weights, with the names and shapes of its config. `allow` is called with the
    number of bytes that reading needs, once it is known. ValueError: the file cannot be used.
    """
    archive = _Archive(file)
    network = read_network(strictjson.parse_object(archive.read(CONFIG, _MAX_JSON)))
    needed = sum(4 * math.prod(location.shape) for location in network.locations.values())
    maximum = 4 * needed + _HDF5_OVERHEAD  # with the state of an optimizer
    allow(2 * maximum + 3 * needed)
    return network, _weights(archive.read(WEIGHTS, maximum), network)


class _Archive:
    """The members of a ZIP archive, which must be exactly those that Keras writes, each within its limit."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise ValueError("is not a .keras file") from error
        self._members = self._zip.infolist()
        names = sorted(member.filename for member in self._members)
        if names != sorted((CONFIG, METADATA, WEIGHTS)):
            raise ValueError(f"does not contain the three files of a .keras file, but {ascii(names)[:100]}")
        end = 0
        for member in sorted(self._members, key=lambda member: member.header_offset):
            if member.header_offset < end:
                raise ValueError("is an archive with overlapping members")
            end = member.header_offset + member.compress_size

    def read(self, name: str, maximum: int) -> bytes:
        member = next(member for member in self._members if member.filename == name)
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"has an encrypted {name}, or one with an unsupported compression")
        if member.file_size > min(maximum, _MAX_COMPRESSION * max(member.compress_size, 1_000)):
            raise ValueError(f"has a {name} of {member.file_size:,} bytes, which is too large")
        try:
            with self._zip.open(member) as opened:
                data = opened.read(member.file_size + 1)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, zlib.error) as error:
            raise ValueError(f"has a damaged {name}") from error
        if len(data) != member.file_size:
            raise ValueError(f"has a {name} of the wrong length")
        return data


def _weights(data: bytes, network: Network) -> dict[str, NDArray[np.float32]]:
    try:
        root = h5py.h5g.open(h5py.h5f.open_file_image(data), b"/")
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ValueError(f"has a {WEIGHTS} that is not HDF5") from error
    weights = {name: _read_array(root, location) for name, location in network.locations.items()}
    if weights["head.bias"].shape == (2,):  # softmax of two outputs is sigmoid of their difference
        for name in ("head.kernel", "head.bias"):
            weights[name] = np.ascontiguousarray(weights[name][..., 1:] - weights[name][..., :1])
    return weights


def _read_array(group: h5py.h5g.GroupID, location: ArrayLocation) -> NDArray[np.float32]:
    """An array stored in the file itself, uncompressed, with the expected shape and type."""
    try:
        node = group
        for name in location.path.encode().split(b"/"):
            if not isinstance(node, h5py.h5g.GroupID) or not node.links.exists(name):
                raise ValueError(f"lacks {location.path} (was it saved by Keras 3?)")
            if node.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                raise ValueError(f"has a link where {location.path} should be")
            node = h5py.h5o.open(node, name)
        if not isinstance(node, h5py.h5d.DatasetID):
            raise ValueError(f"has no array at {location.path}")
        if node.shape != location.shape or not node.get_type().equal(h5py.h5t.IEEE_F32LE):
            raise ValueError(f"has {location.path} with another shape or type than its layers imply")
        plan, array = node.get_create_plist(), np.empty(location.shape, "<f4")
        plain = plan.get_layout() in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)
        if not plain or plan.get_external_count() or plan.get_nfilters() or node.get_storage_size() != array.nbytes:
            raise ValueError(f"has {location.path} stored in an unsupported way")
        node.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f"has a damaged {WEIGHTS}") from error
    return array


def _result(file: BinaryIO) -> bytes:
    try:
        network, weights = read(file, allow=limit_memory)
        packed = tensors.pack(weights, network.config.shapes())
    except MemoryError:
        return _line({"error": "needs too much memory"})
    except Forbidden as error:
        return _line({"error": f"causes an operation that reading never needs: {error}"})
    except (ValueError, RecursionError) as error:
        return _line({"error": str(error)[:500]})
    return _line({"config": network.config.to_dict(), "length": network.length}) + packed


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def main() -> None:
    """Write the result for the file on stdin, a regular file."""
    give_up_privileges()
    sys.stdout.buffer.write(_result(sys.stdin.buffer))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
