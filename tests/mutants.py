"""Small changes to a file: random, or with knowledge of its format."""

import json
import random

VALUES = [
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 10**18, 0.5, -0.0, 1e308, "", "a", "x" * 5_000, "../x",
    "\u202e", "\x1b[2J", [], {}, [[]], [1] * 100, {"a": 1}, {"class_name": "Lambda"}, "__import__('os')", "words-1",
]  # fmt: skip
RAW = [
    b"NaN",
    b"Infinity",
    b"1e999",
    b"9" * 5_000,
    b"[" * 3_000,
    b'"\\ud800"',
    b"{",
    b"}",
    b"\0",
    b"\xff",
    b"\\",
    b"//",
]


def _nodes(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _nodes(item, (*path, key))


def json_mutant(data: bytes, dice: random.Random) -> bytes:
    """A document with one value replaced, removed or duplicated."""
    root = [json.loads(data)]
    path = dice.choice(list(_nodes(root))[1:])
    place = root
    for key in path[:-1]:
        place = place[key]
    action = dice.randrange(4)
    if action == 0 and isinstance(place, dict):
        del place[path[-1]]
    elif action == 1 and isinstance(place, dict):
        place[dice.choice(["__class__", "module", "é", "format", "units"])] = place[path[-1]]
    else:
        place[path[-1]] = dice.choice(VALUES)
    return json.dumps(root[0] if root else None).encode()


def bytes_mutant(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(changed) + 1)
        match dice.randrange(5):
            case 0:
                changed[place : place + 1] = bytes([dice.randrange(256)])
            case 1:
                del changed[place : place + dice.randint(1, 40)]
            case 2:
                changed[place:place] = dice.choice(RAW)
            case 3:
                changed[place : place + 8] = dice.choice([0, 1, 2**31, 2**63, 2**64 - 1]).to_bytes(8, "little")
            case _:
                changed[place:place] = changed[: dice.randint(1, 60)]
    return bytes(changed)


def mutant_of(name: str, data: bytes, dice: random.Random) -> bytes:
    """A mutant of a file of a model folder."""
    if name == "weights.safetensors" and dice.random() < 0.5:
        length = int.from_bytes(data[:8], "little")
        header = json_mutant(data[8 : 8 + length], dice)
        header += b" " * (-len(header) % 8)
        return len(header).to_bytes(8, "little") + header + data[8 + length :]
    if name.endswith(".json") and dice.random() < 0.7:
        return json_mutant(data, dice)
    if name == "history.jsonl" and dice.random() < 0.7:
        return b"".join(json_mutant(line, dice) + b"\n" for line in data.splitlines())
    return bytes_mutant(data, dice)
