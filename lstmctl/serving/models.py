"""The models that are served: loaded once, and again where a reference means another version than before."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lstmctl.errors import LstmctlError, NotFound, Rejected, UsageError
from lstmctl.model.classifier import Classifier
from lstmctl.registry.artifact import ModelFolder
from lstmctl.registry.store import Registry
from lstmctl.serving.errors import RequestError, from_model_error

REFRESH = 1.0  # seconds between two looks at the registry
_TRY_AGAIN = 10.0  # seconds after which a broken model is read again


class ServedModel(NamedTuple):
    """A version in memory."""

    reference: str  # of the version: shop@3
    sha256: str
    classifier: Classifier
    labels: tuple[str, ...]
    folder: ModelFolder


@dataclass
class _Served:
    """A reference as the user gave it, and what it means now: a model, or the reason why there is none."""

    model: ServedModel | None = None
    error: LstmctlError | None = None


class Catalogue:
    """The references that a server was started with; the first is the default. `report` is called with what changes.

    `refresh` may run in another thread than the other methods: a reference changes its meaning at once.
    """

    def __init__(
        self, home: Path, references: Iterable[str], report: Callable[..., None] = lambda event, **fields: None
    ) -> None:
        self._registry = Registry(home)
        self._served = {
            reference: _Served(error=NotFound(f"{reference} is not loaded yet", hint="ask again in a second"))
            for reference in references
        }
        self._report = report
        self._broken: dict[tuple[str, str], tuple[float, LstmctlError]] = {}
        self._troubles: dict[str, str] = {}  # reference → message of what was reported last

    def refresh(self) -> None:
        """Look up what every reference means now, and load what is new. Never raises an LstmctlError.

        A model that was removed, or is broken, is not served any more. Where the registry itself cannot be read at the
        moment, what is loaded stays.
        """
        for reference, served in list(self._served.items()):
            try:
                model = self._load(self._registry.resolve(reference))
            except (NotFound, Rejected, UsageError) as error:
                self._served[reference] = _Served(error=error)
                self._trouble(reference, error)
            except LstmctlError as error:
                self._served[reference] = _Served(served.model, error)
                self._trouble(reference, error)
            else:
                self._served[reference] = _Served(model)
                before = served.model
                if before is None or (before.reference, before.sha256) != (model.reference, model.sha256):
                    self._report("model", name=reference, model=model.reference, sha256=model.sha256)
                self._troubles.pop(reference, None)

    def _load(self, folder: ModelFolder) -> ServedModel:
        key = folder.reference, folder.sha256
        for other in self._served.values():
            if other.model is not None and (other.model.reference, other.model.sha256) == key:
                return other.model
        if key in self._broken and time.monotonic() - self._broken[key][0] < _TRY_AGAIN:
            raise self._broken[key][1]
        try:
            classifier = folder.classifier()
        except LstmctlError as error:
            self._broken[key] = time.monotonic(), error
            raise
        classifier.predict("")  # so that the first request is as fast as the others
        self._broken.pop(key, None)
        return ServedModel(*key, classifier, tuple(folder.card.config.labels), folder)

    def _trouble(self, reference: str, error: LstmctlError) -> None:
        if self._troubles.get(reference) != error.message:
            self._troubles[reference] = error.message
            self._report("model_error", name=reference, message=error.message, hint=error.hint)

    def first_error(self) -> LstmctlError | None:
        """The error of the first reference that has no model, or None if all can be served."""
        return next((served.error for served in self._served.values() if served.model is None), None)

    def find(self, name: str | None) -> ServedModel:
        """The model that a request asks for: None, the default; a reference as it was given; the version that one
        means now; or the bare name of a single one.

        Raises RequestError: 404 if it is not served or was removed, 503 if it is broken.
        """
        served = self._served.get(name) if name is not None else next(iter(self._served.values()))
        if served is None:
            served = self._find_by_version(name or "")
        if served is None:
            known = ", ".join(self._served)
            raise RequestError(404, f'this server has no model "{name:.100}"', f"it has {known}: GET /v1/models")
        if served.model is None:
            raise from_model_error(
                served.error or NotFound("there is no model", hint="GET /v1/models lists those of this server")
            )
        return served.model

    def _find_by_version(self, name: str) -> _Served | None:
        for served in self._served.values():
            if served.model is not None and served.model.reference == name:
                return served
        same_name = [served for reference, served in self._served.items() if reference.partition("@")[0] == name]
        return same_name[0] if len(same_name) == 1 else None

    def versions(self) -> set[tuple[str, str]]:
        """The versions in memory: reference and checksum of each."""
        models = [served.model for served in self._served.values()]
        return {(model.reference, model.sha256) for model in models if model is not None}

    def describe(self) -> list[dict[str, Any]]:
        """All references as JSON values."""
        described = []
        for number, (reference, served) in enumerate(list(self._served.items())):
            model, error = served.model, served.error
            described.append(
                {
                    "schema": "lstmctl.served/1",
                    "name": reference,
                    "default": number == 0,
                    "model": model.reference if model else None,
                    "labels": list(model.labels) if model else None,
                    "sha256": model.sha256 if model else None,
                    "message": error.message if error else None,
                }
            )
        return described
