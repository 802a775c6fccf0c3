"""Tags: files that say which version of a name a word stands for, in one line such as v000003."""

from pathlib import Path

from lstmctl.errors import LstmctlError
from lstmctl.files import Folder, os_errors
from lstmctl.registry import home as homes
from lstmctl.registry.names import is_tag, version_folder, version_of

FOLDER = "tags"  # in that of the name
_LIMIT = 64  # bytes of a tag's file


def content(version: int) -> bytes:
    """What the file of a tag says that stands for a version."""
    return f"{version_folder(version)}\n".encode()


def read(home: Path, name: str) -> dict[str, int | None]:
    """The tags of a name, sorted, and their versions; a tag whose file is damaged stands for None."""
    tags: dict[str, int | None] = {}
    with os_errors(f"read the tags of {name}"):
        for tag in homes.names_in(home, homes.MODELS, name, FOLDER):
            if is_tag(tag):
                try:
                    tags[tag] = _version(home, name, tag)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except LstmctlError:
                    tags[tag] = None
    return tags


def _version(home: Path, name: str, tag: str) -> int | None:
    with Folder.open(home, homes.MODELS, name, FOLDER) as folder:
        line = folder.read(tag, limit=_LIMIT)
    found = version_of(line.decode("ascii", "replace").removesuffix("\n"))
    return found[0] if found and line == content(found[0]) else None
