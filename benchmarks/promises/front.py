"""nginx in front of the service as it is deployed: app/nginx.conf with nothing but paths and the port changed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from promises import machine
from promises.ports import free_port
from promises.service import ROOT, Service
from promises.wire import Address

CONF = ROOT / "app" / "nginx.conf"
SECONDS_TO_START = 10


@contextlib.contextmanager
def front(service: Service, core: int | None = None) -> Iterator[Address]:
    """A running nginx; yields where it listens."""
    nginx = machine.program("nginx", "nginx-light")
    with tempfile.TemporaryDirectory(prefix="front-") as name:
        folder, port = Path(name), free_port()
        conf = folder / "conf"
        conf.write_text(rendered(folder, port, service))
        # Workers of an nginx that root starts would run as nobody, who may not enter this folder.
        own_user = "user root;" if os.geteuid() == 0 else ""
        command = [*machine.pinned(core), nginx, "-e", "stderr", "-c", str(conf), "-g", f"daemon off; {own_user}"]
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            _wait(process, port, folder / "output")
            yield ("127.0.0.1", port)
        finally:
            process.terminate()
            process.wait(SECONDS_TO_START)


def rendered(folder: Path, port: int, service: Service) -> str:
    """The project's configuration with this measurement's paths and ports; each text that is replaced must be there."""
    text = CONF.read_text(encoding="utf-8")
    for wanted, own in {
        "listen 8090 ": f"listen 127.0.0.1:{port} ",
        "server unix:/run/service/service.sock": f"server 127.0.0.1:{service.port}",
        "/tmp/nginx": f"{folder}/nginx",  # noqa: S108 - the container's own
        "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log",
        "worker_processes auto;": "worker_processes 1;",
    }.items():
        if wanted not in text:
            raise ValueError(f"nginx.conf has no {wanted!r}: teach promises/front.py its new form")
        text = text.replace(wanted, own)
    return text


def _wait(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nginx did not start: {output.read_text(errors='replace')[-500:]}")
