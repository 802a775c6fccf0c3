"""A model on the disk, read with suspicion: the files that `artifact` describes, in a folder.

Each file is read once, and its SHA-256 is checked on the very bytes that are used. Other files in the folder are
nobody's business here.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lstmctl.errors import NotFound, Rejected
from lstmctl.files import Folder, os_errors
from lstmctl.history import EpochRecord
from lstmctl.registry import card as cards
from lstmctl.registry import checksums
from lstmctl.registry.artifact import (
    CARD,
    FILES,
    HISTORY,
    METRICS,
    SUMS,
    VOCABULARY,
    WEIGHTS,
    limits,
    readers,
    rejecting,
    verify_files,
)
from lstmctl.registry.card import ModelCard
from lstmctl.text import Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")


class ModelFolder:
    """A model on the disk. `reference` is what the user calls it, `card` its model.json.

    Its methods raise what making it raises. Nothing stays open between them.
    """

    def __init__(self, path: Path, reference: str, *, inside: tuple[str, ...] = ()) -> None:
        """The model in the folder `path`, links followed, and in it in `inside`, where none is. Reads its card.

        Raises:
            NotFound: there is no such folder. Rejected: damaged, hostile, or of a newer format. PermissionDenied,
            StorageError.
        """
        self.path = path.joinpath(*inside)
        self.reference = reference
        self._base, self._inside = path, inside
        with rejecting(reference, SUMS):
            self._sums = checksums.parse(self._read(SUMS, checksums.LIMIT))
        self.card = self._checked(CARD, cards.LIMIT, ModelCard.from_json)
        self._limits = limits(self.card.config)
        self._readers = readers(self.card.config)

    @cached_property
    def size(self) -> int:
        """Bytes of its files."""
        with self._open() as folder, os_errors(f"read {self.path}"):
            present = set(folder.names())
            return sum(folder.status(name).st_size for name in FILES if name in present)

    @property
    def sha256(self) -> str:
        """One for all its files."""
        return checksums.digest("".join(f"{name} {self._sums[name]}\n" for name in sorted(self._sums)).encode())

    def metrics(self) -> dict[str, Any]:
        """What was measured when the model was made: `test` and `floors`, where there are such."""
        return self._metrics

    @cached_property
    def _metrics(self) -> dict[str, Any]:
        metrics: dict[str, Any] = self._parsed(METRICS)
        return metrics

    def history(self) -> tuple[EpochRecord, ...]:
        """The epochs of its training; none for a model that was not trained here."""
        records: tuple[EpochRecord, ...] = self._parsed(HISTORY)
        return records

    def vocabulary(self) -> Vocabulary:
        """The words it knows: as many as its embedding has rows for."""
        vocabulary: Vocabulary = self._parsed(VOCABULARY)
        return vocabulary

    def weights(self) -> "dict[str, NDArray[np.float32]]":
        """Its tensors under the names of `card.config.shapes()`, all finite, read-only."""
        tensors_by_name: dict[str, NDArray[np.float32]] = self._parsed(WEIGHTS)
        return tensors_by_name

    def files(self) -> dict[str, bytes]:
        """The bytes of all its files, each one checked."""
        content = {name: self._read(name, self._limits[name]) for name in FILES}
        verify_files(content, self.reference)  # of these very bytes
        return content

    def same(self, files: Mapping[str, bytes]) -> bool:
        """Whether its weights and its history, down to the seconds it took, are those in `files`: whether these are of
        the same training run.
        """
        return all(self._sums.get(name) == checksums.digest(files[name]) for name in (WEIGHTS, HISTORY))

    def verify(self) -> None:
        """Read and check everything."""
        for read in (self.metrics, self.history, self.vocabulary, self.weights):
            read()

    def _parsed(self, name: str) -> Any:
        return self._checked(name, self._limits[name], self._readers[name])

    def _checked(self, name: str, limit: int, parse: Callable[[bytes], T]) -> T:
        with rejecting(self.reference, name):
            data = self._read(name, limit)
            if self._sums.get(name) != checksums.digest(data):
                raise ValueError(f"does not have the SHA-256 that {SUMS} says")
            return parse(data)

    def _read(self, name: str, limit: int) -> bytes:
        with self._open() as folder:
            try:
                return folder.read(name, limit=limit)
            except FileNotFoundError as error:
                with self._open():  # NotFound, if the whole model was removed while this folder was open
                    pass
                raise ValueError("is missing") from error
            except Rejected as error:
                raise ValueError(error.message.removeprefix(name).strip()) from error

    def _open(self) -> Folder:
        with os_errors(f"read {self.path}"):
            try:
                return Folder.open(self._base, *self._inside)
            except FileNotFoundError as error:
                raise NotFound(f"there is no model folder {self.path}", hint="lstmctl models list") from error
            except NotADirectoryError as error:
                raise Rejected(f"{self.path} is not a folder", hint="lstmctl models list") from error
