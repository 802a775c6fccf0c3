"""The files in a folder and in its folders, listed once and in the order of their names.

Hidden files and folders are counted, not listed. A link to a folder is followed unless it leads back into the folder
that is listed, or to one that another link led to: every file is listed once, and listing ends. Only names are kept:
about 300 bytes a file.
"""

import os
from pathlib import Path
from typing import NamedTuple

from lstmctl.data.opening import reading_error
from lstmctl.errors import BadData

_MOST_FILES = 2_000_000
_MOST_LEVELS = 12


class Tree(NamedTuple):
    """What is in a folder. Paths start with `root`."""

    root: Path
    files: list[Path]  # regular files, and links to them
    special: list[Path]  # pipes, sockets, devices, and links that lead nowhere
    links: list[Path]  # to folders, not followed
    hidden: int
    top: int = 0  # how many of the files, which come first, are in `root` itself


def list_entries(folder: Path) -> "list[os.DirEntry[str]]":
    """The entries of a folder by name. Raises PermissionDenied, StorageError."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise reading_error(error, folder) from error


def is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a folder, or a link to one that can be followed."""
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def is_file(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a regular file, or a link to one that can be followed."""
    try:
        return entry.is_file()
    except OSError:
        return False


def list_tree(root: Path) -> Tree:
    """Everything in a folder. Raises BadData for too many files or levels; PermissionDenied, StorageError."""
    tree, hidden = Tree(root, [], [], [], 0), 0
    real_root, visited = root.resolve(), set[Path]()
    waiting = [(root, 0)]  # folders, the next one last
    while waiting:
        folder, level = waiting.pop()
        if level > _MOST_LEVELS:
            raise BadData(f"{folder} is more than {_MOST_LEVELS} folders deep", hint="name a folder of texts in it")
        folders = []
        for entry in list_entries(folder):
            path = folder / entry.name
            if entry.name.startswith("."):
                hidden += 1
            elif is_folder(entry):
                if entry.is_symlink():
                    target = path.resolve()
                    if target.is_relative_to(real_root) or real_root.is_relative_to(target) or target in visited:
                        tree.links.append(path)
                        continue
                    visited.add(target)
                folders.append((path, level + 1))
            elif is_file(entry):
                tree.files.append(path)
            else:
                tree.special.append(path)
        if level == 0:
            tree = tree._replace(top=len(tree.files))
        if len(tree.files) > _MOST_FILES:
            raise BadData(
                f"{root} has more than {_MOST_FILES:,} files", hint="put the texts into one table, such as CSV"
            )
        waiting += reversed(folders)
    return tree._replace(hidden=hidden)
