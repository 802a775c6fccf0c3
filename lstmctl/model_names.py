"""What a model can be called, and a name made of anything else."""

import re
import unicodedata

# Lower-case ASCII alone, so that no two names look alike or become one on a file system that folds case.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_RESERVED = re.compile(r"con|prn|aux|nul|com[1-9]|lpt[1-9]|latest|tmp|.*\.(?:lock|tmp|json)|.*\.\..*")
_LONGEST = 64


def is_name(name: str) -> bool:
    """Whether a model can have this name."""
    return is_written_like_a_name(name) and not _RESERVED.fullmatch(name)


def is_written_like_a_name(name: str) -> bool:
    """Whether it has the letters and the length of a name; some such words are reserved."""
    return bool(_NAME.fullmatch(name))


def name_like(text: str, *, otherwise: str) -> str:
    """The name that comes nearest to a text; `otherwise`, where nothing of it can be in a name."""
    name = re.sub(r"[^a-z0-9._-]", "-", unicodedata.normalize("NFC", text).lower())
    name = re.sub(r"\.{2,}", ".", name).strip("._-")[:_LONGEST].rstrip("._-") or otherwise
    return name if is_name(name) else name[: _LONGEST - len("-model")] + "-model"
