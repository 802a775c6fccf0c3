"""`lstmctl serve`: predictions and explanations over HTTP."""

import os
from typing import Annotated, Any

import typer

from lstmctl.cli.console import Console
from lstmctl.cli.options import (
    complete_model,
    open_model,
    open_registry,
    option,
    setting_option,
    settings,
)
from lstmctl.errors import MissingExtra, UsageError
from lstmctl.serving.settings import ServeConfig

EXAMPLES = """
Examples:
  lstmctl serve                          the newest model, for this machine only
  lstmctl serve shop@prod --workers 2    follows the tag when it moves
  lstmctl serve --host 0.0.0.0 --token-file token
  curl -H 'content-type: application/json' \\
    -d '{"texts": ["great movie"]}' http://127.0.0.1:8000/v1/predict
"""

ACCESS, LIMITS = "Access", "Limits"
_MODELS_HELP = (
    "Models: name, name@3, name@tag, or a path with a /; the first is the default. A name or a tag is followed when it "
    "comes to mean another version. Default: LSTMCTL_MODEL, else the newest model."
)
_TOKEN_HELP = "Requests need the token in this file: Authorization: Bearer …"
_NO_AUTH_HELP = "Listen on an address that others can reach, without a token."
_SETTINGS = ServeConfig.settings()


def _limit(name: str) -> Any:
    return setting_option(_SETTINGS[name], panel=LIMITS)


def _access(name: str) -> Any:
    return setting_option(_SETTINGS[name], panel=ACCESS)


def command(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help=_MODELS_HELP, autocompletion=complete_model)
    ] = None,
    host: Annotated[str, setting_option(_SETTINGS["host"], panel=ACCESS)] = "127.0.0.1",
    port: Annotated[int, setting_option(_SETTINGS["port"], panel=ACCESS)] = 8000,
    token_file: Annotated[str | None, option("--token-file FILE", _TOKEN_HELP, panel=ACCESS)] = None,
    no_auth: Annotated[bool, option("--no-auth", _NO_AUTH_HELP, panel=ACCESS)] = False,
    allow_host: Annotated[list[str] | None, _access("allow_host")] = None,
    allow_origin: Annotated[list[str] | None, _access("allow_origin")] = None,
    workers: Annotated[int, _limit("workers")] = 1,
    max_body: Annotated[int, _limit("max_body")] = 8 * 2**20,
    max_texts: Annotated[int, _limit("max_texts")] = 1_000,
    max_explained: Annotated[int, _limit("max_explained")] = 16,
    max_length: Annotated[int, _limit("max_length")] = 100_000,
    max_waiting: Annotated[int, _limit("max_waiting")] = 512,
    timeout: Annotated[float, _limit("timeout")] = 10.0,
) -> int:
    """Answer requests over HTTP with predictions and explanations.

    GET / is a page of the model; POST /v1/predict and /v1/explain, GET /v1/models, /healthz, /readyz, /metrics. stderr
    gets a JSON line per request; -q leaves errors only.
    """
    config = ServeConfig(
        host=host,
        port=port,
        workers=workers,
        allow_host=tuple(allow_host or ()),
        allow_origin=tuple(allow_origin or ()),
        max_body=max_body,
        max_texts=max_texts,
        max_explained=max_explained,
        max_length=max_length,
        max_waiting=max_waiting,
        timeout=timeout,
    ).validate()
    from lstmctl.serving.access import check_hosts, check_origins, is_loopback, read_token

    check_hosts(config.allow_host)
    check_origins(config.allow_origin)
    if settings.output is not None:
        raise UsageError("serve writes no file, so -o has no meaning", hint="2> FILE keeps the log")
    if token_file is not None and no_auth:
        raise UsageError("--token-file and --no-auth contradict each other", hint="leave out one of them")
    if token_file is None and not no_auth and not is_loopback(host):
        message = f"at --host {host} others can reach this server"
        raise UsageError(message, hint="--token-file FILE asks them for a token; --no-auth lets everyone in")
    token = read_token(os.path.expanduser(token_file)) if token_file is not None else None
    try:
        from lstmctl.serving import logs
        from lstmctl.serving.server import bind, check_models, serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "lstmctl":
            raise
        raise MissingExtra(error.name or "starlette", extra="serve") from None
    from lstmctl.serving.settings import Service

    console = Console.open()
    default = os.environ.get("LSTMCTL_MODEL") or open_model(None).reference if not models else ""
    given = [os.path.expanduser(model) if "/" in model else model for model in models or [default]]
    references = tuple(dict.fromkeys(given))
    home = open_registry().home
    with console.waiting("loading"):
        check_models(home, references)
    listening = bind(config.host, config.port)
    port = listening.getsockname()[1]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if console.err.on_terminal:
        console.note(f"{', '.join(references)} at {url} · Ctrl-C ends")
    service = Service(home, references, config, token, log_requests=not settings.quiet)
    if service.log_requests:
        logs.write_line("listening", url=url, models=references)
    return 128 + serve(service, listening)
