"""Every kind of request, good and hostile, with the status that the documentation gives it."""

import json
import shlex
import warnings
from contextlib import ExitStack

import pytest
from toy import register_toy

from lstmctl.serving.app import create_app
from lstmctl.serving.settings import ServeConfig, Service

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette prefers httpx2 to httpx
    from starlette.testclient import TestClient

TOKEN = "0123456789abcdef0123"
JSON = {"content-type": "application/json"}
LIMITS = {"max_body": 20_000, "max_texts": 5, "max_explained": 2, "max_length": 1_000}


def open_client(home, *models, token=None, **settings):
    """The application for a home of models, not yet entered."""
    service = Service(home, models or ("tiny",), ServeConfig(**{**LIMITS, **settings}), token, log_requests=False)
    return TestClient(create_app(service), base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """One server for the requests that change nothing."""
    home = tmp_path_factory.mktemp("served") / "home"
    register_toy(home)
    with open_client(home) as client:
        yield client


@pytest.fixture
def start(home):
    """Starts a server for the models of this test's home: `start(token=…, **settings)` is a client."""
    register_toy(home)
    with ExitStack() as stack:
        yield lambda *models, **settings: stack.enter_context(open_client(home, *models, **settings))


def post(client, body, path="/v1/predict", headers=JSON):
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post(path, content=data, headers=headers)


def check_error(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    error = response.json()
    assert list(error) == ["schema", "message", "hint"] and error["schema"] == "lstmctl.error/1"
    assert error["message"] and "\n" not in error["message"]


# --- good requests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [None, 0.9])
def test_predictions_are_those_of_the_command(start, cli, tmp_path, threshold):
    texts = ["good film", "bad", "", "good " * 100, "ünknown 词 👍🏽"]
    options = [] if threshold is None else ["--threshold", threshold]
    assert cli("predict", *options, "-o", tmp_path / "out.json", "--", *texts).code == 0
    response = post(start(), {"texts": texts, "threshold": threshold})
    assert response.content == (tmp_path / "out.json").read_bytes()


@pytest.mark.parametrize("all_units", [False, True])
def test_explanations_are_those_of_the_command(start, cli, tmp_path, all_units):
    options = ["--all-units"] if all_units else []
    target = tmp_path / "out.json"
    assert cli("predict", "--explain", *options, "--json", "-o", tmp_path / "out", "good bad film", "who?").code == 0
    assert cli("predict", "--explain", "-o", target, "good bad film", "who?").code == 0
    response = post(start(), {"texts": ["good bad film", "who?"], "all_units": all_units}, "/v1/explain")
    lines = (tmp_path / "out").read_bytes().splitlines()
    assert response.content == b"[\n" + b",\n".join(lines) + b"\n]\n"
    assert all_units or response.content == target.read_bytes()


def test_no_texts(client):
    assert post(client, {"texts": []}).json() == [] == post(client, {"texts": []}, "/v1/explain").json()


def test_a_name_is_one_of_those_that_are_served(start, home):
    register_toy(home, "other")
    client = start("tiny@1", "other")
    asked = {name: post(client, {"texts": ["good"], "model": name}) for name in ("tiny@1", "tiny", "other", "other@1")}
    assert {name: response.json()[0]["model"] for name, response in asked.items()} == {
        "tiny@1": "tiny@1",
        "tiny": "tiny@1",
        "other": "other@1",
        "other@1": "other@1",
    }
    assert [served["name"] for served in client.get("/v1/models").json()] == ["tiny@1", "other"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/models", "/metrics"])
def test_pages(client, path):
    assert client.get(path).status_code == 200 == client.head(path).status_code


def test_the_page_is_that_of_the_version(start, home):
    from lstmctl.interchange.html import build_page
    from lstmctl.registry.store import Registry

    client = start("tiny", "tiny@1")
    register_toy(home, epoch=2)
    for path in ("/", "/", "/?model=tiny@1"):
        page = client.get(path)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.content == build_page(Registry(home).resolve("tiny@1"))
    check_error(client.get("/?model=nobody"), 404)


def test_figures(start):
    client = start()
    post(client, {"texts": ["good", "bad"]})
    post(client, "nonsense")
    client.get("/no/such/path")
    figures = client.get("/metrics").text
    assert 'lstmctl_requests_total{route="/v1/predict",status="200"} 1.0' in figures
    assert 'lstmctl_requests_total{route="/v1/predict",status="400"} 1.0' in figures
    assert 'lstmctl_requests_total{route="other",status="404"} 1.0' in figures
    assert 'lstmctl_texts_total{model="tiny@1",route="/v1/predict"} 2.0' in figures


# --- hostile ones ------------------------------------------------------------------------------------------------

NOT_JSON = {
    "empty": b"",
    "words": b"good film",
    "cut off": b'{"texts": ["good"',
    "two objects": b'{"texts": []} {"texts": []}',
    "array": b'["good"]',
    "string": b'"good"',
    "null": b"null",
    "deep array": b'{"texts": ' + b"[" * 9_000,
    "deep object": b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
    "deep and closed": b'{"texts": ' + b"[" * 30 + b"]" * 30 + b"}",
    "duplicate key": b'{"texts": ["good"], "texts": ["bad"]}',
    "NaN": b'{"texts": ["good"], "threshold": NaN}',
    "infinity": b'{"texts": ["good"], "threshold": Infinity}',
    "number too large": b'{"texts": ["good"], "threshold": 1e999}',
    "many digits": b'{"texts": ["good"], "threshold": ' + b"9" * 5_000 + b"}",
    "lone surrogate": rb'{"texts": ["\ud800"]}',
    "lone surrogate in a key": rb'{"\udc00": 1, "texts": []}',
    "not UTF-8": b'{"texts": ["\xff"]}',
    "UTF-16": '{"texts": []}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"texts": []}',
    "control character": b'{"texts": ["a\nb"]}',
    "NUL": b'{"texts": ["good"]}\0',
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain"])
def test_a_body_that_is_not_strict_json(client, path, body):
    check_error(post(client, body, path), 400)


IMPOSSIBLE = {
    "no texts": {},
    "texts null": {"texts": None},
    "one string": {"texts": "good"},
    "an object": {"texts": {"0": "good"}},
    "a number among them": {"texts": ["good", 1]},
    "null among them": {"texts": ["good", None]},
    "nested": {"texts": [["good"]]},
    "too many": {"texts": ["good"] * 6},
    "too long": {"texts": ["g" * 1_001]},
    "model a number": {"texts": ["good"], "model": 1},
    "model a list": {"texts": ["good"], "model": ["tiny"]},
    "threshold a string": {"texts": ["good"], "threshold": "0.5"},
    "threshold true": {"texts": ["good"], "threshold": True},
    "threshold negative": {"texts": ["good"], "threshold": -0.1},
    "threshold above one": {"texts": ["good"], "threshold": 1.1},
    "unknown key": {"texts": ["good"], "treshold": 0.5},
    "very long key": {"texts": ["good"], "k" * 9_000: 0.5},
    "prototype": {"texts": ["good"], "__proto__": {}},
}


@pytest.mark.parametrize("body", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain"])
def test_a_value_that_is_not_possible(client, path, body):
    check_error(post(client, body, path), 422)


def test_limits_are_told_with_their_numbers(client):
    assert "6 texts; a request has at most 5" in post(client, {"texts": [""] * 6}).json()["message"]
    assert "3 texts; a request has at most 2" in post(client, {"texts": [""] * 3}, "/v1/explain").json()["message"]
    assert "1,001 characters; at most 1,000" in post(client, {"texts": ["x" * 1_001]}).json()["message"]
    assert post(client, {"texts": [], "treshold": 1}).json()["hint"] == "the keys are texts, model, threshold"


@pytest.mark.parametrize(
    "name",
    ["nobody", "tiny@2", "tiny@prod", "", "../../etc/passwd", "/etc", "./tiny", "~/models", "tiny\0", "x" * 9_000],
)
def test_a_model_that_is_not_served(client, name):
    check_error(post(client, {"texts": ["good"], "model": name}), 404)


@pytest.mark.parametrize(
    "type_", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"]
)
def test_another_type_of_body(client, type_):
    check_error(post(client, {"texts": ["good"]}, headers={"content-type": type_} if type_ is not None else {}), 415)


def test_types_of_json_with_parameters(client):
    assert post(client, {"texts": []}, headers={"content-type": "Application/JSON; charset=utf-8"}).status_code == 200


def test_a_compressed_body(client):
    check_error(post(client, {"texts": []}, headers={**JSON, "content-encoding": "gzip"}), 415)


@pytest.mark.parametrize("size", [20_001, 100_000_000])
def test_a_body_that_is_too_large(client, size):
    check_error(client.post("/v1/predict", content=b" ", headers={**JSON, "content-length": str(size)}), 413)
    check_error(client.post("/v1/predict", content=(b" " * 1_000 for _ in range(size // 1_000 + 1)), headers=JSON), 413)


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/v1",
        "/v1/",
        "/v1/predict/",
        "/V1/PREDICT",
        "/v1/predict%00",
        "/../etc/passwd",
        "/" + "x" * 5_000,
    ],
)
def test_a_path_that_does_not_exist(client, path):
    check_error(client.get(path), 404)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"])
def test_another_method(client, method):
    response = client.request(method, "/v1/predict")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    check_error(client.post("/v1/models"), 405)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost:9", 200),
        ("LOCALHOST", 200),
        ("localhost.", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.nip.io", 421),
        ("192.168.0.1", 421),
        ("[fe80::1]", 421),
        ("", 400),
        ("local host", 400),
        ("localhost:80:80", 400),
        ("evil@localhost", 400),
        ("[localhost]", 400),
    ],
)
@pytest.mark.parametrize("path", ["/healthz", "/v1/models"])
def test_the_host_header(client, host, status, path):
    response = client.get(path, headers={"host": host})
    if status == 200:
        assert response.status_code == 200
    else:
        check_error(response, status)


def test_names_that_are_allowed(start):
    client = start(host="0.0.0.0", allow_host=("shop.example",))
    hosts = {"shop.example": 200, "10.0.0.7:8000": 200, "localhost": 200, "evil.example": 421}
    assert {host: client.get("/healthz", headers={"host": host}).status_code for host in hosts} == hosts


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN[:-1]}",
    ],
)
def test_without_the_token(start, header):
    client = start(token=TOKEN)
    headers = JSON | ({"authorization": header} if header is not None else {})
    response = post(client, {"texts": ["good"]}, headers=headers)
    check_error(response, 401)
    assert response.headers["www-authenticate"] == "Bearer"
    assert client.get("/metrics", headers=headers).status_code == 401
    assert client.get("/healthz").status_code == 200 == client.get("/readyz").status_code


def test_with_the_token(start):
    client = start(token=TOKEN)
    for scheme in ("Bearer", "bearer"):
        headers = JSON | {"authorization": f"{scheme} {TOKEN}"}
        assert post(client, {"texts": ["good"]}, headers=headers).status_code == 200


def test_what_refusals_recommend(start):
    """The hint of each refusal, followed."""
    other = {"host": "shop.example"}
    hint = start().get("/", headers=other).json()["hint"]
    assert hint.startswith("lstmctl serve --allow-host NAME ")
    assert start(allow_host=("shop.example",)).get("/", headers=other).status_code == 200
    client = start(token=TOKEN)
    curl = shlex.split(client.get("/v1/models").json()["hint"].replace("TOKEN", TOKEN))
    assert curl[:2] == ["curl", "-H"]
    assert client.get("/v1/models", headers=dict([curl[2].split(": ")])).status_code == 200


def test_pages_of_other_origins(start):
    ask = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    ask["access-control-request-headers"] = "content-type"
    silent = start().options("/v1/predict", headers=ask)
    assert silent.status_code == 405 and "access-control-allow-origin" not in silent.headers
    client = start(allow_origin=("https://shop.example",), token=TOKEN)
    allowed = client.options("/v1/predict", headers=ask)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    refused = client.options("/v1/predict", headers=ask | {"origin": "https://evil.example"})
    assert refused.status_code == 400 and "access-control-allow-origin" not in refused.headers


def test_a_threshold_for_three_labels(start, home):
    from dataclasses import replace

    from toy import CONFIG

    register_toy(home, "three", config=replace(CONFIG, labels=("a", "b", "c")))
    check_error(post(start("three"), {"texts": ["good"], "threshold": 0.5}), 422)


def test_a_bug_is_told_and_does_not_end_the_server(start, monkeypatch):
    client = start()
    with monkeypatch.context() as broken:
        broken.setattr("lstmctl.model.classifier.Classifier.logits", lambda *arguments: 1 / 0)
        check_error(post(client, {"texts": ["good"]}), 500)
        check_error(post(client, {"texts": ["good"]}, "/v1/explain"), 500)
    assert post(client, {"texts": ["good"]}).status_code == 200


def test_short_of_memory(start, monkeypatch):
    def fail(*arguments):
        raise MemoryError

    client = start()
    monkeypatch.setattr("lstmctl.model.classifier.Classifier.probabilities", fail)
    response = post(client, {"texts": ["good"]})
    check_error(response, 503)
    assert response.headers["retry-after"] == "1"


def test_too_many_requests_and_too_long_a_wait(start, monkeypatch):
    """While one request waits for a prediction, another is refused; the first is given up after the timeout."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event

    working, go_on = Event(), Event()

    def wait(self, texts):
        working.set()
        go_on.wait(30)
        raise ZeroDivisionError

    client = start(max_waiting=1, timeout=0.5)
    monkeypatch.setattr("lstmctl.model.classifier.Classifier.probabilities", wait)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(post, client, {"texts": ["good"]})
        assert working.wait(30)
        second = post(client, {"texts": ["good"]})
        assert client.get("/healthz").status_code == 200
        for response, reason in ((second, "waiting already"), (first.result(), "took longer than 0.5 s")):
            check_error(response, 503)
            assert reason in response.json()["message"] and response.headers["retry-after"] == "1"
        go_on.set()
