"""Real servers: how they end, what happens when a worker is killed, and a tag that moves under load."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from toy import register_toy

from lstmctl.registry.store import Registry

pytestmark = pytest.mark.servers
PATIENCE = 60  # seconds, of which a fast machine needs few
BODY = b'{"texts": ["good film"]}'


class Running:
    """A server in a process of its own, and the lines of its log so far."""

    def __init__(self, process):
        self.process, self.log = process, []
        threading.Thread(target=self._read, daemon=True).start()
        self.url = self.wait_for("listening")["url"]
        self.port = int(self.url.rpartition(":")[2])

    def _read(self):
        for line in self.process.stderr:
            self.log.append(json.loads(line))

    def wait_for(self, event, **fields):
        """The first line of an event, waited for."""
        for _ in range(PATIENCE * 100):
            for line in list(self.log):
                if line["event"] == event and fields.items() <= line.items():
                    return line
            assert self.process.poll() is None, self.log
            time.sleep(0.01)
        raise AssertionError(self.log)

    def wait_for_count(self, requests):
        """Wait until /metrics has so many: a request is counted just after its answer was sent."""
        wanted = f'lstmctl_requests_total{{route="/v1/predict",status="200"}} {requests}.0'
        for _ in range(PATIENCE * 10):
            figures = self.ask("GET", "/metrics", None)[1].decode()
            if wanted in figures:
                return
            time.sleep(0.1)
        raise AssertionError(figures)

    def ask(self, method="POST", path="/v1/predict", body=BODY):
        """(status, content) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {"content-type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextmanager
def running(*arguments):
    command = [sys.executable, "-m", "lstmctl", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "PYTHONWARNINGS": "ignore"}) as process:
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(PATIENCE)


@pytest.fixture
def shop(home):
    for _ in range(2):
        register_toy(home, "shop")
    registry = Registry(home)
    registry.tag("shop@1", "prod")
    return registry


def test_a_tag_that_moves_and_a_signal_that_drains(shop):
    with running("shop@prod") as server:
        answers, moved = [], threading.Event()

        def ask_on():
            while not moved.is_set():
                answers.append(server.ask())

        asking = threading.Thread(target=ask_on)
        asking.start()
        server.wait_for("model", model="shop@1")
        shop.tag("shop@2", "prod")
        server.wait_for("model", model="shop@2")
        moved.set()
        asking.join()
        assert {status for status, _ in answers} == {200}
        assert json.loads(server.ask()[1])[0]["model"] == "shop@2"
        # A request whose body is on its way when the signal comes is answered.
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as slow:
            head = f"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(BODY)}\r\n"
            slow.sendall(head.encode() + b"content-type: application/json\r\n\r\n" + BODY[:5])
            status, figures = server.ask("GET", "/metrics", None)
            while b"lstmctl_waiting_requests 1.0" not in figures:
                status, figures = server.ask("GET", "/metrics", None)
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises(OSError, match="refused"):
                while True:
                    socket.create_connection(("127.0.0.1", server.port)).close()
            slow.sendall(BODY[5:])
            assert slow.recv(65_536).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(PATIENCE) == 128 + signal.SIGTERM
        text = json.dumps(server.log)
        assert "good film" not in text


def test_a_killed_worker_is_replaced_and_the_last_one_ends_with_its_parent(shop):
    with running("shop@1", "--workers", "2") as server:
        for number in (1, 2):
            while len({line["pid"] for line in server.log if line["event"] == "model"}) < number:
                time.sleep(0.01)
        first = server.wait_for("model")["pid"]
        expected = server.ask()
        server.wait_for_count(1)
        os.kill(first, signal.SIGKILL)
        server.wait_for("worker")
        assert {server.ask() for _ in range(20)} == {expected} and expected[0] == 200
        server.wait_for_count(21)  # with that of the worker that is gone, if it was its
        server.process.kill()
        server.process.wait(PATIENCE)
        with pytest.raises(OSError, match="refused"):
            while True:
                socket.create_connection(("127.0.0.1", server.port)).close()
