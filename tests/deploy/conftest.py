"""Policyroute as the page on deploying has it: installed by its script, started by its commands, behind its nginx."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
import trustme
from tests.support.canaries import PROVIDER_KEY, client_key
from tests.support.deployed import FOLDER, ROOT, Service, elsewhere, image, option

APP, OPERATOR = client_key("app"), client_key("operator")
NAME = "llm.example.com"
DESK = {"127.0.0.1:8081": "127.0.0.1:0"}
"""Where the unit has the operator's pages, and a port that is free."""
POLICY = f"""version: 1
providers: {{here: {{dialect: openai_chat, base_url: "embedded:", api_key: {{file: openai.key}}}}}}
targets: {{ok: {{provider: here, model: ok}}, stall: {{provider: here, model: stall}}}}
rules:
  - {{id: seen, response_headers: {{set: {{x-seen: {{cel: client.address}}}}}}}}
  - id: errs
    when: int(request.headers["x-number"]) > 1
    route: [ok]
default: {{route: [requested]}}
clients:
  app: {{key_sha256: {sha256(APP.encode()).hexdigest()}}}
  ops: {{key_sha256: {sha256(OPERATOR.encode()).hexdigest()}, role: operator}}
"""
Start = Callable[..., Service]


@dataclass(frozen=True)
class Place:
    """Where a gateway has what it has in /etc and /var in production."""

    policies: Path
    keys: Path
    state: Path

    @classmethod
    def made(cls, folder: Path) -> Place:
        place = cls(folder / "policies", folder / "keys", folder / "state")
        place.policies.mkdir()
        place.keys.mkdir()
        (place.policies / "main.yaml").write_text(POLICY)
        (place.keys / "openai.key").write_text(f"{PROVIDER_KEY}\n")
        return place

    def of(self, command: Sequence[str], prefix: Path, **more: object) -> list[str]:
        """A command of production for this place: as it is, but for names and ports."""
        places = {
            "/opt/policyroute": prefix,
            "/etc/policyroute/policies": self.policies,
            "/var/lib/policyroute": self.state,
            option(command, "--secrets-dir"): self.keys,
            "8080": 0,
        }
        return elsewhere(command, {**places, **more})


@contextmanager
def starting() -> Generator[Start]:
    running: list[Service] = []

    def begin(command: Sequence[str], pass_fds: Sequence[int] = (), **environment: str) -> Service:
        running.append(Service(command, pass_fds, **environment))
        return running[-1]

    with ExitStack() as all_ended:
        yield begin
        for service in running:
            all_ended.callback(service.ended)
            service.tell(signal.SIGTERM)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True)
class Installed:
    prefix: Path
    state: Path


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Installed]:
    """By the steps of the Containerfile, on what it copies; once, however many processes run tests. With a wheel under
    test there are no sources."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    base = tmp_path_factory.getbasetemp()
    there = (base.parent if run else base) / f"install-{run or 0}"
    there.mkdir(exist_ok=True)
    made = Installed(there / "opt", there / "state")
    with (there / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (there / "done").exists():
            _install(there, made)
            (there / "done").touch()
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield made
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody else uses it any more
            shutil.rmtree(there)


def _install(there: Path, made: Installed) -> None:
    for sources, target in ((line.split()[:-1], line.split()[-1]) for line in image()["COPY"] if "--from" not in line):
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, there / "src" / target)
            elif (ROOT / source).exists() or not os.environ.get("POLICYROUTE_WHEEL"):
                (there / "src" / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, there / "src" / target)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for step in image()["RUN"]:
        moved = step.replace("/opt/policyroute", str(made.prefix)).replace("/var/lib/policyroute", str(made.state))
        command, environment = ["sh", "-c", moved], {**os.environ, "PATH": path}
        done = subprocess.run(command, cwd=there / "src", env=environment, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.made(tmp_path)


@pytest.fixture
def start() -> Generator[Start]:
    """Runs commands, and ends them with the test."""
    with starting() as begin:
        yield begin


@pytest.fixture(scope="session")
def nginx() -> str:
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip("nginx is not installed")
    return found


@dataclass(frozen=True)
class Front:
    """An nginx by the example's configuration. Its logs are in `folder`; they are whole when it has ended."""

    service: Service
    port: int
    folder: Path
    trust: ssl.SSLContext

    def answered(self) -> list[str]:
        """The lines of its access log."""
        return (self.folder / "policyroute.access.log").read_text().splitlines()

    def logged(self) -> str:
        """All that it wrote."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


AROUND = """daemon off;
pid {folder}/nginx.pid;
{user}
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def stand(nginx: str, start: Start, folder: Path, gateways: Sequence[int]) -> Front:
    """Start nginx in front of gateways at these ports."""
    folder.mkdir()
    ca = trustme.CA()
    certificate = ca.issue_cert(NAME)
    certificate.cert_chain_pems[0].write_to_path(folder / "fullchain.pem")
    certificate.private_key_pem.write_to_path(folder / "privkey.pem")
    trust = ssl.create_default_context(cadata=ca.cert_pem.bytes().decode())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (folder / "site.conf").write_text(site(folder, port, gateways))
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user="user root;" if os.geteuid() == 0 else ""))
        # It inherits the socket, as from an nginx that it replaces: connections wait there until it serves.
        command = [nginx, "-p", str(folder), "-c", "nginx.conf", "-e", str(folder / "error.log")]
        service = start(command, [listener.fileno()], NGINX=f"{listener.fileno()};")
    return Front(service, port, folder, trust)


def site(folder: Path, port: int, gateways: Sequence[int]) -> str:
    """The example for this place."""
    moved = {
        "server 127.0.0.1:8080 max_fails=0;": " ".join(f"server 127.0.0.1:{each} max_fails=0;" for each in gateways),
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/etc/ssl/policyroute": str(folder),
        "/var/log/nginx": str(folder),
    }
    text = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
    for old, new in moved.items():
        assert old in text
        text = text.replace(old, new)
    return text
