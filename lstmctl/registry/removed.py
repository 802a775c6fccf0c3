"""Versions that were put aside: brought back, or removed for good. The folder of a name must be locked."""

from lstmctl.errors import CannotCreate, NotFound
from lstmctl.files import Folder
from lstmctl.registry import shelf
from lstmctl.registry.artifact import SUMS
from lstmctl.registry.names import version_folder


def restore(folder: Folder, name: str, version: int) -> None:
    """Bring back a removed version of `name`, whose open folder this is.

    Raises:
        NotFound: it was not removed, or is gone for good. CannotCreate: its place is taken.
    """
    found = shelf.look_into(folder)
    if version not in found.deleted:
        removed = " ".join(f"{name}@{each}" for each in found.deleted)
        raise NotFound(f"{name}@{version} was not removed", hint=f"removed: {removed or 'none'}")
    old = version_folder(version, deleted=True)
    with folder.enter(old) as inner:
        if SUMS not in inner.names():  # what is left so that the number is not used again
            raise NotFound(f"{name}@{version} was pruned and cannot come back", hint="lstmctl models list")
    try:
        folder.rename(old, folder, version_folder(version))
    except FileExistsError as error:
        raise CannotCreate(f"{name}@{version} is there already", hint="lstmctl models list") from error


def prune(folder: Folder, version: int) -> bool:
    """Empty the folder of a removed version, which stays as a sign that its number was used; False: it was empty."""
    with folder.enter(version_folder(version, deleted=True)) as inner:
        names = inner.names()
        if SUMS in names:  # first, and for good: what is half removed must never come back
            inner.remove(SUMS)
            inner.sync()
        for name in names:
            inner.remove(name)
    return bool(names)
