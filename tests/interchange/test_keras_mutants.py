""".keras files with random changes: read or rejected, and nothing else."""

import io
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import keras_files as good
import pytest
from mutants import json_mutant

from lstmctl.interchange import keras_file
from lstmctl.interchange.keras_network import read_network
from lstmctl.registry.strictjson import parse_object


@pytest.mark.parametrize("count", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", [good.architecture, good.functional])
def test_mutants_of_config(kind, count):
    dice, rejected = random.Random(0), 0
    original = json.dumps(kind()).encode()
    assert read_network(parse_object(original)).config.units == good.UNITS
    for _ in range(count):
        mutant = json_mutant(original, dice)
        for _ in range(dice.randrange(2)):
            mutant = json_mutant(mutant, dice) if len(mutant) > 5 else mutant
        try:
            network = read_network(parse_object(mutant))
        except ValueError as error:
            assert str(error).isprintable()
            rejected += 1
        else:
            assert network.config.problem() is None
            assert set(network.locations) == set(network.config.shapes())
    assert count / 4 < rejected < count


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"registered_name": "mine>Layer"}, "names 'mine>Layer' of 'keras.layers', which is not supported"),
        ({"module": "builtins", "class_name": "eval"}, "names 'eval' of 'builtins', which is not supported"),
        ({"class_name": "Lambda"}, "names 'Lambda' of 'keras.layers', which is not supported"),
    ],
)
def test_unsupported_names_are_reported(change, message):
    described = good.architecture()
    described["config"]["layers"][-1] |= {"registered_name": None} | change
    with pytest.raises(ValueError, match=re.escape(message)):
        read_network(described)


def test_overlapping_members():
    """The directory lists metadata.json, which is not read, as starting inside config.json."""
    data = bytearray(good.keras_file())
    directory = data.rindex(b"PK\x01\x02")  # of the last member; that of the first is found by its name
    entry = data.rindex(b"metadata.json", 0, directory) - 46
    config = data.index(b"config.json")
    assert data[entry : entry + 4] == b"PK\x01\x02"
    data[entry + 42 : entry + 46] = (config + 20).to_bytes(4, "little")
    with pytest.raises(ValueError, match="overlapping members"):
        keras_file.read(io.BytesIO(data))


# Each mutant has its own process, as in use, because the HDF5 library is in C: a fork of one that has loaded it.
MANY = """
import collections, io, os, random, resource, sys
from pathlib import Path
from lstmctl.interchange import keras_file
from mutants import bytes_mutant
data, count = Path(sys.argv[1]).read_bytes(), int(sys.argv[2])
ends, dice = collections.Counter(), random.Random(1)
for _ in range(count):
    mutant = bytes_mutant(data, dice)
    reading, writing = os.pipe()
    if not os.fork():
        os.dup2(writing, 1)
        os.close(reading), os.close(writing)
        keras_file.give_up_privileges()
        os.write(1, keras_file._result(io.BytesIO(mutant))[:7])
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        begins = answer.read()
    _, status = os.wait()
    ends[begins.decode() or f"died of {status}"] += 1
print(dict(ends))
"""


@pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("part", ["archive", "weights"])
def test_mutants_of_file(count, part, tmp_path):
    """Most mutants of the weights change the structure of the HDF5 file."""
    path = tmp_path / "it.keras"
    path.write_bytes(good.keras_file() if part == "archive" else good.weights())
    program = MANY
    if part == "weights":
        program = MANY.replace("keras_file._result(io.BytesIO(mutant))", "_of_weights(mutant)").replace(
            "ends, dice", f"{OF_WEIGHTS}\nends, dice"
        )
    environment = {
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "PATH": "/usr/bin:/bin",
        "HDF5_PLUGIN_PRELOAD": "::",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), str(count)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    ends = eval(done.stdout)  # noqa: S307  # a dictionary that our own program printed
    assert set(ends) <= {'{"error', '{"confi'}, ends
    assert ends['{"error'] > count / 20


OF_WEIGHTS = """
import keras_files, json
def _of_weights(mutant):
    return keras_file._result(io.BytesIO(keras_files.keras_file(h5=mutant)))
"""
