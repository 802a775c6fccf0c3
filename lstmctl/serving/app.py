"""The application: its routes, and what surrounds every request (log, figures, Host header, token)."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from multiprocessing import connection, parent_process
from threading import Thread
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lstmctl import memory
from lstmctl.data.columns import Example
from lstmctl.errors import LstmctlError
from lstmctl.interchange.html import build_page
from lstmctl.model.explanation import explain
from lstmctl.scoring.stream import PredictionRequest, explanation_object, prediction_object
from lstmctl.serving import logs
from lstmctl.serving.batching import Batcher
from lstmctl.serving.bodies import Question, parse_question, read_body
from lstmctl.serving.errors import RequestError, error_body, json_array, json_line, unavailable
from lstmctl.serving.metrics import CONTENT_TYPE, Metrics
from lstmctl.serving.middleware import HostCheck, RequestLog, TokenCheck
from lstmctl.serving.models import REFRESH, Catalogue, ServedModel
from lstmctl.serving.settings import Service
from lstmctl.serving.threads import SideThread

JSON = "application/json"
R = TypeVar("R")
_PLAIN = PredictionRequest()
# What the page may do, it says itself.
_PAGE_HEADERS = {"cache-control": "no-cache", "content-security-policy": "frame-ancestors 'none'"}


class Server:
    """The state of one process: its models, its threads and its figures, and the functions of the routes."""

    def __init__(self, service: Service) -> None:
        self.service, self.config = service, service.config
        self.metrics = Metrics()
        self.catalogue = Catalogue(service.home, service.models, logs.write_line if service.log_requests else _errors)
        self._batcher = Batcher(self.metrics.add_batch)
        self._explanations, self._loading = SideThread("explanations"), SideThread("models")
        self._active = 0  # requests that are being answered
        self._pages: dict[tuple[str, str], bytes] = {}  # reference and checksum of a version → its page
        self._one_page = asyncio.Lock()

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Load the models, and keep them up to date."""
        _end_with_parent()
        await self._refresh()
        refreshing = asyncio.create_task(self._keep_up_to_date())
        try:
            yield
        finally:
            refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await refreshing
            self._batcher.stop()
            self._explanations.stop()
            self._loading.stop()

    async def _keep_up_to_date(self) -> None:
        while True:
            await asyncio.sleep(REFRESH)
            await self._refresh()

    async def _refresh(self) -> None:
        try:
            await self._loading.run(self.catalogue.refresh)
        except Exception as error:  # such as too little memory for another model: what is loaded stays in use
            message = f"cannot look for models: {type(error).__name__}: {error}"
            logs.write_line("log", level="error", message=message)

    async def predict(self, request: Request) -> Response:
        """POST /v1/predict."""
        return await self._answer(request, self._predict, explain=False)

    async def explain(self, request: Request) -> Response:
        """POST /v1/explain."""
        return await self._answer(request, self._explain, explain=True)

    async def _answer(
        self,
        request: Request,
        answer: Callable[[ServedModel, Question], Awaitable[list[dict[str, Any]]]],
        *,
        explain: bool,  # noqa: FBT001
    ) -> Response:
        if self._active >= self.config.max_waiting:
            raise unavailable(
                f"{self._active} requests are waiting already", "try again later, or start more --workers"
            )
        self._active += 1
        self.metrics.waiting.inc()
        try:
            body = await read_body(request.headers, request.receive, self.config)
            question = parse_question(body, self.config, explain=explain)
            model = self.catalogue.find(question.model)
            _check_threshold(question, model)
            request.scope["lstmctl"].update(model=model.reference, texts=len(question.texts))
            try:
                async with asyncio.timeout(self.config.timeout):
                    objects = await answer(model, question)
            except TimeoutError:
                message = f"the answer took longer than {self.config.timeout:g} s"
                raise unavailable(message, "send fewer texts") from None
        except asyncio.CancelledError:  # uvicorn has waited long enough
            raise unavailable("the server is ending") from None
        finally:
            self._active -= 1
            self.metrics.waiting.dec()
        return Response(json_array(objects), media_type=JSON)

    async def _predict(self, model: ServedModel, question: Question) -> list[dict[str, Any]]:
        predictions = await self._batcher.predict(model.classifier, question.texts, question.threshold)
        about: Any = {"labels": model.labels, "reference": model.reference}
        return [
            prediction_object(Example(row, text), prediction, _PLAIN, **about)
            for row, (text, prediction) in enumerate(zip(question.texts, predictions, strict=True), start=1)
        ]

    async def _explain(self, model: ServedModel, question: Question) -> list[dict[str, Any]]:
        objects = []
        for row, text in enumerate(question.texts, start=1):  # one by one, so that others get their turn between them
            objects.append(await self._explanations.run(partial(_explained, model, Example(row, text), question)))
        return objects

    async def page(self, request: Request) -> Response:
        """GET /, or /?model=NAME: the model as a page, made when it is first asked for."""
        model = self.catalogue.find(request.query_params.get("model"))
        key = model.reference, model.sha256
        async with self._one_page:
            if key not in self._pages:
                page = await self._loading.run(partial(build_page, model.folder))
                self._pages = {known: self._pages[known] for known in self.catalogue.versions() & self._pages.keys()}
                self._pages[key] = page
        return Response(self._pages[key], media_type="text/html", headers=_PAGE_HEADERS)

    async def models(self, request: Request) -> Response:
        """GET /v1/models."""
        return Response(json_array(self.catalogue.describe()), media_type=JSON)

    async def healthz(self, request: Request) -> Response:
        """GET /healthz: the process answers."""
        return Response(json_line({"schema": "lstmctl.health/1", "status": "ok"}), media_type=JSON)

    async def readyz(self, request: Request) -> Response:
        """GET /readyz: every model can be asked; else 503."""
        if error := self.catalogue.first_error():
            raise unavailable(error.message, error.hint)
        return Response(json_line({"schema": "lstmctl.health/1", "status": "ready"}), media_type=JSON)

    async def figures(self, request: Request) -> Response:
        """GET /metrics."""
        return Response(self.metrics.text(), headers={"content-type": CONTENT_TYPE})


def _errors(event: str, **fields: Any) -> None:
    """What is reported with -q."""
    if event == "model_error":
        logs.write_line(event, **fields)


def _explained(model: ServedModel, example: Example, question: Question) -> dict[str, Any]:
    explanation = explain(model.classifier, example.text, threshold=question.threshold)
    about: Any = {"labels": model.labels, "reference": model.reference, "all_units": question.all_units}
    return explanation_object(example, explanation, **about)


def _check_threshold(question: Question, model: ServedModel) -> None:
    if question.threshold is not None and len(model.labels) != 2:
        raise RequestError(422, f"threshold needs a model with two labels; {model.reference} has {len(model.labels)}")


def create_app(service: Service) -> Starlette:
    """The application of one process."""
    logs.log_as_json()
    server, config = Server(service), service.config
    routes = [
        Route("/", server.page, methods=["GET"]),
        Route("/v1/predict", server.predict, methods=["POST"]),
        Route("/v1/explain", server.explain, methods=["POST"]),
        Route("/v1/models", server.models, methods=["GET"]),
        Route("/healthz", server.healthz, methods=["GET"]),
        Route("/readyz", server.readyz, methods=["GET"]),
        Route("/metrics", server.figures, methods=["GET"]),
    ]
    paths = frozenset(route.path for route in routes)
    around = [
        Middleware(RequestLog, metrics=server.metrics, paths=paths, log=service.log_requests),
        Middleware(HostCheck, listening=config.host, allowed=config.allow_host),
    ]
    if config.allow_origin:
        origins, headers = list(config.allow_origin), ["authorization", "content-type"]
        around.append(
            Middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=headers)
        )
    if service.token is not None:
        around.append(Middleware(TokenCheck, token=service.token))
    app = Starlette(
        routes=routes,
        middleware=around,
        lifespan=server.lifespan,
        exception_handlers={
            RequestError: _request_error,
            HTTPException: _http_error,
            LstmctlError: _our_error,
            Exception: _bug,
        },
    )
    app.router.redirect_slashes = False
    app.state.server = server
    return app


def _response(status: int, message: str, hint: str | None, headers: Any = None) -> Response:
    return Response(error_body(message, hint), status, headers=headers, media_type=JSON)


async def _request_error(request: Request, error: Any) -> Response:
    return _response(error.status, error.message, error.hint, error.headers)


async def _http_error(request: Request, error: Any) -> Response:
    """404 and 405, which Starlette finds."""
    if error.status_code == 404:
        hint = "GET /, POST /v1/predict, POST /v1/explain, GET /v1/models, /healthz, /readyz, /metrics"
        return _response(404, "there is nothing at this path", hint)
    allowed = (error.headers or {}).get("Allow", "")
    message = f"{request.method:.20} is not possible here"
    return _response(error.status_code, message, f"use {allowed}" if allowed else None, error.headers)


async def _our_error(request: Request, error: Any) -> Response:
    return await _request_error(request, unavailable(error.message, error.hint))


async def _bug(request: Request, error: Exception) -> Response:
    """The answer to a request that failed for a reason of ours; Starlette raises the error again, for the log."""
    if memory.was_short(error):
        return await _request_error(request, unavailable("memory was short", memory.hint()))
    message = f"this is a bug in lstmctl: {type(error).__name__}"
    return _response(500, message, "report the traceback that the server wrote to stderr")


def _end_with_parent() -> None:
    """End this worker process, as by SIGTERM, when its parent has ended, even if that was killed."""
    if (parent := parent_process()) is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, daemon=True).start()
