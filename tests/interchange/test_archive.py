"""A model as a single file: reproducible, and never trusted."""

import io
import random
import subprocess
import tarfile
import time

import pytest
from toy import toy_files

from lstmctl.data.digests import RowDigests
from lstmctl.errors import LstmctlError, NotFound, Rejected
from lstmctl.interchange import model_files
from lstmctl.interchange.model_files import pack_archive, read_archive
from lstmctl.registry.store import Registry


@pytest.fixture
def exported(model_files):
    return pack_archive(model_files)


def read(tmp_path, data):
    path = tmp_path / "model.lstmctl"
    path.write_bytes(data)
    return read_archive(path)


def test_round_trip(home, tmp_path, model_files, exported):
    registry = Registry(home)
    registry.register("imdb", model_files)
    assert pack_archive(registry.resolve("imdb").files()) == exported
    files = read(tmp_path, exported)
    assert files == model_files
    assert registry.register("copy", files) == "copy@1"
    assert registry.resolve("copy").files() == model_files


def test_tar_reads_archive(tmp_path, model_files, exported):
    (tmp_path / "model.tar").write_bytes(exported)
    subprocess.run(["tar", "xf", "model.tar"], cwd=tmp_path, check=True)
    assert {name: (tmp_path / name).read_bytes() for name in model_files} == model_files
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0


def attacks(model_files):
    """Archives that could mislead an ordinary tar reader."""

    def packed(change):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as packed_file:
            for name, data in model_files.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(data), 0o644
                change(member)
                packed_file.addfile(member, io.BytesIO(data) if member.isreg() else None)
        return buffer.getvalue()

    def renamed(to):
        return lambda member: setattr(member, "name", to + member.name)

    def kind(letter, target="/etc/passwd"):
        def change(member):
            member.type, member.linkname, member.size = letter, target, 0

        return change

    yield from (packed(renamed(prefix)) for prefix in ("../", "/", "a/", "./", "\N{LATIN SMALL LETTER A WITH ACUTE}"))
    yield from (
        packed(kind(letter)) for letter in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
    )
    yield packed(lambda member: setattr(member, "mode", 0o4755))
    yield packed(lambda member: setattr(member, "pax_headers", {"path": "../x"}))
    yield packed(lambda member: setattr(member, "mtime", 1))


def test_hostile_archives(tmp_path, model_files):
    count = 0
    for data in attacks(model_files):
        with pytest.raises(Rejected):
            read(tmp_path, data)
        count += 1
    assert count == 12


@pytest.mark.parametrize("size", [2**33 - 1, 2**20 + 1, 0, 1])
def test_wrong_size_in_header(tmp_path, exported, size):
    """Also a size that no model has: no memory is allocated for it."""
    header = model_files._header("model.json", size)
    started = time.monotonic()
    with pytest.raises(Rejected):
        read(tmp_path, header + exported[512:])
    assert time.monotonic() - started < 10


def test_truncated_or_extended_archive(tmp_path, exported):
    for end in (*range(0, len(exported), 311), len(exported) - 1):
        with pytest.raises(Rejected):
            read(tmp_path, exported[:end])
    for more in (b"\0", b"\0" * 512, b"x", exported):
        with pytest.raises(Rejected):
            read(tmp_path, exported + more)


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_mutants_are_rejected(tmp_path, exported, count):
    """Every changed bit is noticed."""
    dice = random.Random(0)
    for _ in range(count):
        mutant = bytearray(exported)
        for _ in range(dice.randint(1, 4)):
            mutant[dice.randrange(len(mutant))] ^= 1 << dice.randrange(8)
        if bytes(mutant) == exported:
            continue
        with pytest.raises(Rejected):
            read(tmp_path, bytes(mutant))


def test_archive_with_digests(tmp_path, home):
    texts = {"train": map(str, range(80)), "validation": map(str, range(20)), "test": map(str, range(10))}
    files = toy_files(digests=RowDigests.of(texts))
    exported = pack_archive(files)
    assert read(tmp_path, exported) == files
    assert Registry(home).resolve(Registry(home).register("it", files)).digests() is not None
    for start in range(0, len(exported), 512):  # without one of its blocks
        with pytest.raises(Rejected):
            read(tmp_path, exported[:start] + exported[start + 512 :])
    without = pack_archive({name: data for name, data in files.items() if name != "digests.bin"})
    with pytest.raises(Rejected):
        read(tmp_path, without)


def test_missing_file(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(NotFound):
            read_archive(path)
    with pytest.raises(LstmctlError):
        read_archive(tmp_path / "none" / "none")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("imdb-3.lstmctl", "imdb"),
        ("/a/b/My Model.lstmctl", "my-model"),
        ("x", "x"),
        ("Ä.lstmctl", "imported"),
        ("../..", "imported"),
        ("a..b.lstmctl", "a.b"),
        ("index.json", "index"),
        ("con.keras", "con-model"),
        ("x" * 90 + ".keras", "x" * 64),
    ],
)
def test_default_name(file, name):
    assert model_files.default_name(file) == name
