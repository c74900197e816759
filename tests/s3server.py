"""A real S3 server of the tests' own: moto's, in a process on loopback."""

import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from storage.messages.object_blobs import ObjectBlobs
from storage.messages.object_options import ObjectStoreOptions
from tests.ports import free_port


@dataclass
class ObjectServer:
    """A running server, and a bucket on request."""

    endpoint: str
    process: "subprocess.Popen[bytes]"

    @property
    def options(self) -> ObjectStoreOptions:
        return ObjectStoreOptions(endpoint=self.endpoint, access_key="key-of-tests", secret_key="hidden")

    def bucket(self) -> str:
        """A fresh bucket's address, with a prefix."""
        name = f"t{secrets.token_hex(6)}"
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT")
        urllib.request.urlopen(request, timeout=30).close()
        return f"s3://{name}/files/of us".replace(" ", "-")

    def blobs(self, place: str) -> ObjectBlobs:
        return ObjectBlobs(place, self.options)


@contextmanager
def object_server(port: int | None = None) -> Iterator[ObjectServer]:
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "MOTO_CALL_RESET_API": "false"},
    )  # fmt: skip
    server = ObjectServer(f"http://127.0.0.1:{port}", process)
    try:
        for _ in range(600):
            try:
                server.bucket()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield server
    finally:
        process.kill()
        process.wait()
