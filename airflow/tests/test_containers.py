"""What the container files say of one another: compose, Dockerfiles, .dockerignore, the secrets and the checks."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped]  # ships no types

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
AIRFLOW = {name: service for name, service in SERVICES.items() if name.startswith("airflow-")}
DOCKERFILES = sorted(ROOT.glob("*.Dockerfile"))
HEALTH = ROOT / "airflow" / "containers" / "health.py"


def written_env(path: Path) -> dict[str, str]:
    """What `make env` writes."""
    subprocess.run([sys.executable, ROOT / ".ci" / "make-env", path], check=True, capture_output=True)
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_make_env_writes_every_variable_without_which_compose_refuses_to_start(tmp_path: Path) -> None:
    required = set(re.findall(r"\$\{(\w+):\?", COMPOSE))
    assert required <= set(written_env(tmp_path / "env"))


def test_compose_says_what_to_run_when_a_secret_is_missing() -> None:
    assert set(re.findall(r"\$\{\w+:\?([^}]*)\}", COMPOSE)) == {"run make env"}


def test_the_documentation_explains_every_variable_of_compose_with_its_default() -> None:
    text = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    explained = {
        name for row in re.findall(r"^\| (`[A-Z].*?) \|", text, re.MULTILINE) for name in re.findall(r"\w+", row)
    }
    assert set(re.findall(r"\$\{(\w+)", COMPOSE)) == explained
    for default in re.findall(r"\$\{\w+:-([^}]+)\}", COMPOSE):
        assert default in text


def test_secrets_are_new_each_time_fit_into_urls_and_are_their_owners_alone(tmp_path: Path) -> None:
    one, other = written_env(tmp_path / "one"), written_env(tmp_path / "other")
    same = {name for name in one if one[name] == other[name]}
    assert same == {"AIRFLOW_UID", "AIRFLOW_USER", "AIRFLOW_PASSWORD"}
    assert all(value.isalnum() for name, value in one.items() if name.endswith("_PASSWORD"))
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600


def test_an_env_file_that_exists_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("POSTGRES_PASSWORD=mine\n", encoding="utf-8")
    assert written_env(tmp_path / "env") == {"POSTGRES_PASSWORD": "mine"}


def test_every_airflow_container_has_the_same_settings_and_secrets() -> None:
    shared = AIRFLOW["airflow-apiserver"]["environment"]
    assert all(shared.items() <= service["environment"].items() for service in AIRFLOW.values())
    assert {"AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"} <= set(shared)


def test_every_container_that_stays_has_a_health_check_and_none_runs_the_airflow_command() -> None:
    for name, service in SERVICES.items():
        if name != "airflow-init":
            assert not any(word.startswith("airflow ") or word == "airflow" for word in service["healthcheck"]["test"])


def test_only_the_ui_and_nginx_are_published_and_on_this_machine_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"airflow-apiserver", "nginx"}
    assert all(port.startswith("${PUBLISH_ADDRESS:-127.0.0.1}:") for [port] in published.values())


def test_the_service_reads_bundles_and_cannot_write_them() -> None:
    assert "${ARTIFACTS_FOLDER:-./airflow/artifacts}:/artifacts:ro" in SERVICES["service"]["volumes"]


def test_the_service_and_its_shipper_share_the_spool_and_a_user_who_may_delete() -> None:
    service, shipper = SERVICES["service"], SERVICES["prediction-shipper"]
    assert service["environment"]["SERVICE_SPOOL_DIR"] == shipper["environment"]["MODEL_SPOOL_DIR"] == "/spool"
    assert "spool:/spool" in service["volumes"]
    assert shipper["volumes"] == ["spool:/spool"]
    assert service["user"] == shipper["user"]
    for file in DOCKERFILES:
        # A new volume belongs to whom its folder in the image belongs to.
        text = file.read_text(encoding="utf-8").replace("\\\n", "")
        assert re.search(r"install --directory --owner=\w+ --group=0 .*? /spool$", text, re.MULTILINE)


def test_the_service_has_no_network_and_its_shipper_no_secret_but_the_predictions_password() -> None:
    assert SERVICES["service"]["network_mode"] == "none"
    shipper = SERVICES["prediction-shipper"]
    assert set(re.findall(r"\$\{(\w+):\?", str(shipper["environment"]))) == {"PREDICTIONS_PASSWORD"}
    store = AIRFLOW["airflow-worker"]["environment"]["MODEL_DATABASE_URL"]
    assert shipper["environment"]["MODEL_DATABASE_URL"] == store


def test_the_dashboard_reads_the_store_in_a_process_of_its_own_and_the_service_stands_in_for_it() -> None:
    service, dashboard = SERVICES["service"], SERVICES["dashboard"]
    assert dashboard["image"] == service["image"]
    assert dashboard["user"] == service["user"]
    assert set(re.findall(r"\$\{(\w+):\?", str(dashboard["environment"]))) == {"PREDICTIONS_PASSWORD"}
    assert (
        dashboard["environment"]["SERVICE_DATABASE_URL"]
        == AIRFLOW["airflow-worker"]["environment"]["MODEL_DATABASE_URL"]
    )
    assert "SERVICE_DATABASE_URL" not in service["environment"]
    sockets = [one["environment"]["SERVICE_UDS"] for one in (dashboard, service)]
    nginx = (ROOT / "app" / "nginx.conf").read_text(encoding="utf-8")
    assert re.findall(r"server unix:(\S+?)(?: backup)?;", nginx[nginx.index("upstream dashboard") :])[:2] == sockets
    assert "SERVICE_ADMIN_TOKEN" not in service["environment"]


def test_the_shadow_has_the_shippers_secret_the_workers_user_and_nothing_to_write_but_bundles() -> None:
    shadow, worker = SERVICES["prediction-shadow"], AIRFLOW["airflow-worker"]
    assert shadow["environment"]["MODEL_DATABASE_URL"] == worker["environment"]["MODEL_DATABASE_URL"]
    assert set(re.findall(r"\$\{(\w+):\?", str(shadow["environment"]))) == {"PREDICTIONS_PASSWORD"}
    assert shadow["user"] == worker["user"]
    assert [volume for volume in shadow["volumes"] if not volume.endswith(":ro")] == [
        "${ARTIFACTS_FOLDER:-./airflow/artifacts}:/opt/airflow/artifacts"
    ]
    assert set(shadow["volumes"]) <= {*worker["volumes"], "${DATA_FOLDER:-./airflow/data}:/opt/airflow/data:ro"}


def test_images_are_named_with_a_version() -> None:
    named = [service["image"] for service in SERVICES.values()]
    named += [name for file in DOCKERFILES for name in re.findall(r"^FROM (\S+:\S+)", file.read_text(), re.MULTILINE)]
    assert all(re.search(r":[^:]+$", name) and not name.endswith(":latest") for name in named)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.name)
def test_what_an_image_copies_exists_and_is_let_through(dockerfile: Path) -> None:
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(\S+) ", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)
    assert copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert path in allowed


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.name)
def test_images_install_by_hash_only_and_do_not_run_as_root(dockerfile: Path) -> None:
    text = dockerfile.read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip .*?install .*", text)
    assert installs
    assert all("--require-hashes" in line or "--no-index --no-deps" in line for line in installs)
    assert text.rindex("USER 50000:0") > text.rindex("RUN ")


def test_the_services_image_holds_the_bytecode_of_the_application_that_it_copies() -> None:
    lines = (ROOT / "service.Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = lines.index("COPY app/app /srv/app")
    assert lines.index("RUN python -m compileall -q /srv/app") in range(copied, len(lines))
    assert SERVICES["service"]["read_only"] is True


def test_the_socket_that_the_service_listens_on_is_the_one_nginx_asks() -> None:
    path = "/run/service/service.sock"
    assert SERVICES["service"]["environment"]["SERVICE_UDS"] == path
    assert f"server unix:{path};" in (ROOT / "app" / "nginx.conf").read_text(encoding="utf-8")


class Reporting(BaseHTTPRequestHandler):
    """Answers as Airflow's report of its components does."""

    def do_GET(self) -> None:
        """Tell; only /health is there."""
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()
        self.wfile.write(
            json.dumps({"triggerer": {"status": "healthy"}, "scheduler": {"status": "unhealthy"}}).encode()
        )

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def reporting() -> Iterator[str]:
    """The address of a component that reports."""
    server = HTTPServer(("127.0.0.1", 0), Reporting)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def trouble(url: str, component: str | None = None) -> str | None:
    """What the containers' health check finds."""
    spec = importlib.util.spec_from_file_location("health", HEALTH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: str | None = module.trouble(url, component)
    return found


def test_a_component_is_well_when_its_url_answers_and_the_report_calls_it_healthy(reporting: str) -> None:
    assert trouble(f"{reporting}/health") is None
    assert trouble(f"{reporting}/health", "triggerer") is None


def test_a_component_is_unwell_in_one_line_otherwise(reporting: str) -> None:
    assert trouble(f"{reporting}/health", "scheduler") == "scheduler is unhealthy"
    assert trouble(f"{reporting}/health", "dag_processor") == "dag_processor is not reported"
    assert "503" in str(trouble(f"{reporting}/elsewhere"))
    assert "refused" in str(trouble("http://127.0.0.1:1/health"))
