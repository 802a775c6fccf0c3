"""Files about the data, which are no data: what hubs and authors put beside it."""

import re
from pathlib import Path

_ABOUT = re.compile(
    r"(readme|licen[cs]e|copying|notice|changelog|changes|authors|citation|contributing|version|makefile|dockerfile"
    r"|sha256sums|md5sums?)([-_.].*)?"
    r"|(scoring|dataset_infos?|dataset_dict|state|dataset-metadata|datapackage|croissant|package|manifest)\.json",
    re.IGNORECASE,
)


def is_about(path: Path) -> bool:
    """Whether this is a file about the data, such as README.md or dataset_info.json.

    >>> is_about(Path("README.md")), is_about(Path("readers.csv"))
    (True, False)
    """
    return _ABOUT.fullmatch(path.name) is not None
