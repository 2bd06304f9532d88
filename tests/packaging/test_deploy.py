"""compose.yaml and deploy/kubernetes: they name what the service and its image really have, and start with it."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cds_service.cli import main
from cds_service.config import DEFAULTS, Config, read_config
from cds_service.errors import ConfigError
from cds_service.fhir.lines import FIRST_AT_ONCE, MOST_AT_ONCE
from cds_service.store.database import store_url
from cds_service.web.metrics import PATH as METRICS
from cds_service.web.server import BLOCKING_THREADS, GRACE_SECONDS
from tests.packaging.commands import ROOT
from tests.packaging.test_dockerfile import FINAL
from tests.web.service_calls import client

KUBERNETES = ROOT / "deploy" / "kubernetes"
SECRETS = {"CDS_UUID_KEY": "0123456789abcdef", "CDS_STORE": "postgresql://cds:word@database.example.org/cds"}
FIELDS = {
    "ConfigMap": {"apiVersion", "kind", "metadata", "data"},
    "Deployment": {"apiVersion", "kind", "metadata", "spec"},
    "Ingress": {"apiVersion", "kind", "metadata", "spec"},
    "Kustomization": {"apiVersion", "kind", "namespace", "resources", "images"},
    "Namespace": {"apiVersion", "kind", "metadata"},
    "NetworkPolicy": {"apiVersion", "kind", "metadata", "spec"},
    "PodDisruptionBudget": {"apiVersion", "kind", "metadata", "spec"},
    "Service": {"apiVersion", "kind", "metadata", "spec"},
}
VERSIONS = {
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "Ingress": "networking.k8s.io/v1",
    "Kustomization": "kustomize.config.k8s.io/v1beta1",
    "Namespace": "v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "Service": "v1",
}


def read(path: Path) -> Any:
    """The one document of a file; a key that stands twice is an error."""
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


MANIFESTS = {path.name: read(path) for path in sorted(KUBERNETES.glob("*.yaml"))}
BY_KIND = {manifest["kind"]: manifest for manifest in MANIFESTS.values()}
POD = BY_KIND["Deployment"]["spec"]["template"]
[CONTAINER] = POD["spec"]["containers"]
COMPOSE = read(ROOT / "compose.yaml")
SERVICE, DATABASE = COMPOSE["services"]["cds-service"], COMPOSE["services"]["database"]
LABELS = {"app.kubernetes.io/name": "cds-service"}


def image_user() -> list[int]:
    """User and group that the Dockerfile sets."""
    return [int(number) for number in FINAL.arguments("USER")[0].split(":")]


def variables() -> dict[str, str]:
    """What the container finds in its environment, secrets made up."""
    return {item["name"]: item.get("value") or SECRETS[item["name"]] for item in CONTAINER["env"]}


def configured(tmp_path: Path, environ: dict[str, str], arguments: list[str]) -> Config:
    """The configuration that ``cds-service serve`` has with the site file of the ConfigMap."""
    site = tmp_path / "site.toml"
    site.write_text(BY_KIND["ConfigMap"]["data"]["site.toml"])
    assert arguments[0] == "serve"
    given = {f"CDS_{name.removeprefix('--').upper()}": text for name, text in pairwise(arguments) if name[:2] == "--"}
    return read_config({**environ, "CDS_SITE": str(site)}, given)


def test_every_manifest_is_of_a_known_kind_and_listed() -> None:
    for manifest in MANIFESTS.values():
        assert set(manifest) == FIELDS[manifest["kind"]]
        assert manifest["apiVersion"] == VERSIONS[manifest["kind"]]
    kustomization = MANIFESTS["kustomization.yaml"]
    assert set(kustomization["resources"]) == set(MANIFESTS) - {"kustomization.yaml"}
    assert kustomization["namespace"] == BY_KIND["Namespace"]["metadata"]["name"]
    [image] = kustomization["images"]
    assert image["name"] == CONTAINER["image"]
    assert ":" not in image["newName"]
    assert image["newTag"] != "latest"


def test_kubernetes_sets_only_what_is_a_setting_and_it_starts(tmp_path: Path) -> None:
    environ = variables()
    assert set(environ) <= set(DEFAULTS)
    config = configured(tmp_path, environ, CONTAINER["args"])
    assert (config.host, config.workers, config.metrics_open) == ("0.0.0.0", 2, True)
    assert config.registry.needs_tokens
    assert not config.insecure
    assert config.warnings == ()
    with pytest.raises(ConfigError, match="needs --insecure"):
        read_config({**environ, "CDS_SITE": ""}, {"CDS_HOST": "0.0.0.0"})


def test_variables_of_services_would_stop_the_start(tmp_path: Path) -> None:
    """Kubernetes adds NAME_SERVICE_PORT for every Service; ours is called cds-service."""
    name = BY_KIND["Service"]["metadata"]["name"].upper().replace("-", "_")
    with pytest.raises(ConfigError, match=f"{name}_SERVICE_PORT is not a setting"):
        configured(tmp_path, {**variables(), f"{name}_SERVICE_PORT": "80"}, CONTAINER["args"])
    assert POD["spec"]["enableServiceLinks"] is False


def test_secrets_stand_in_no_file() -> None:
    by_name = {item["name"]: item for item in CONTAINER["env"]}
    for name in SECRETS:
        assert set(by_name[name]) == {"name", "valueFrom"}
        assert by_name[name]["valueFrom"]["secretKeyRef"]["name"] == "cds-service"
    assert "Secret" not in BY_KIND
    for name in ("CDS_UUID_KEY", "POSTGRES_PASSWORD"):
        assert f"\n{name}=\n" in (ROOT / "deploy" / "env.example").read_text()
    assert "\n.env\n" in (ROOT / ".gitignore").read_text()


def test_the_site_file_is_where_the_setting_says(tmp_path: Path) -> None:
    [mount] = [item for item in CONTAINER["volumeMounts"] if item["name"] == "site"]
    assert mount["readOnly"] is True
    [volume] = [item for item in POD["spec"]["volumes"] if item["name"] == "site"]
    assert volume["configMap"]["name"] == BY_KIND["ConfigMap"]["metadata"]["name"]
    [file] = BY_KIND["ConfigMap"]["data"]
    assert variables()["CDS_SITE"] == f"{mount['mountPath']}/{file}"
    assert tomllib.loads(BY_KIND["ConfigMap"]["data"][file])["public_url"] == "https://cds.example.org"
    [host] = BY_KIND["Ingress"]["spec"]["rules"]
    assert tomllib.loads(BY_KIND["ConfigMap"]["data"][file])["public_url"] == f"https://{host['host']}"


def test_probes_ask_what_is_there() -> None:
    [port] = CONTAINER["ports"]
    assert str(port["containerPort"]) == variables()["CDS_PORT"] == FINAL.arguments("EXPOSE")[0]
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = CONTAINER[name]["httpGet"]
        assert probe["port"] == port["name"]
        assert client().get(probe["path"]).status_code == 200
    notes = POD["metadata"]["annotations"]
    assert notes["prometheus.io/port"] == str(port["containerPort"])
    assert notes["prometheus.io/path"] == METRICS


def test_a_failing_store_takes_no_replica_out_of_service() -> None:
    """Decision 42: cards are served all the same, so no probe may ask /readyz, which is red on all replicas then."""
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert CONTAINER[name]["httpGet"]["path"] == "/healthz"


def test_the_pod_may_do_nothing_that_it_need_not() -> None:
    pod, container = POD["spec"]["securityContext"], CONTAINER["securityContext"]
    assert [pod["runAsUser"], pod["runAsGroup"]] == image_user()
    assert pod["runAsNonRoot"] is True
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["spec"]["automountServiceAccountToken"] is False
    assert BY_KIND["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert set(CONTAINER["resources"]["limits"]) >= {"cpu", "memory"}
    assert set(CONTAINER["resources"]["requests"]) >= {"cpu", "memory"}


def test_several_workers_have_a_temporary_directory() -> None:
    assert int(variables()["CDS_WORKERS"]) > 1
    [mount] = [item for item in CONTAINER["volumeMounts"] if item["mountPath"] == "/tmp"]
    [volume] = [item for item in POD["spec"]["volumes"] if item["name"] == mount["name"]]
    assert volume["emptyDir"]["sizeLimit"]
    assert any(item.startswith("/tmp:") for item in SERVICE["tmpfs"])


def test_calls_under_way_are_given_the_time_to_finish() -> None:
    [sleep, seconds] = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    assert sleep == "sleep"
    assert POD["spec"]["terminationGracePeriodSeconds"] > GRACE_SECONDS + int(seconds)
    assert int(SERVICE["stop_grace_period"].removesuffix("s")) > GRACE_SECONDS


def test_replicas_are_replaced_one_by_one() -> None:
    spec = BY_KIND["Deployment"]["spec"]
    assert spec["replicas"] >= 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    budget = BY_KIND["PodDisruptionBudget"]["spec"]
    assert 1 <= budget["minAvailable"] < spec["replicas"]
    assert variables()["CDS_STORE"].startswith("postgresql://"), "a directory would be one host's own"


def test_labels_and_ports_find_the_pods() -> None:
    assert POD["metadata"]["labels"] == LABELS
    assert BY_KIND["Deployment"]["spec"]["selector"]["matchLabels"] == LABELS
    assert BY_KIND["Service"]["spec"]["selector"] == LABELS
    assert BY_KIND["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == LABELS
    policy = BY_KIND["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"] == LABELS
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    [rule] = policy["ingress"]
    assert [item["port"] for item in rule["ports"]] == [CONTAINER["ports"][0]["containerPort"]]
    assert rule["from"], "an empty list would let everybody in"
    [port] = BY_KIND["Service"]["spec"]["ports"]
    assert port["targetPort"] == CONTAINER["ports"][0]["name"]
    out = {item["port"] for rule in policy["egress"] for item in rule["ports"]}
    assert out == {53, 5432, 443}


def test_the_world_reaches_the_cds_hooks_paths_alone_and_over_tls() -> None:
    spec = BY_KIND["Ingress"]["spec"]
    [rule] = spec["rules"]
    assert [item["path"] for item in rule["http"]["paths"]] == ["/cds-services"]
    assert [host for item in spec["tls"] for host in item["hosts"]] == [rule["host"]]
    [path] = rule["http"]["paths"]
    assert path["backend"]["service"]["name"] == BY_KIND["Service"]["metadata"]["name"]
    assert path["backend"]["service"]["port"]["name"] == BY_KIND["Service"]["spec"]["ports"][0]["name"]
    megabytes = BY_KIND["Ingress"]["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
    assert int(megabytes.removesuffix("m")) * 1_000_000 > int(DEFAULTS["CDS_MAX_BODY_BYTES"])


def test_compose_starts_with_what_it_sets(tmp_path: Path) -> None:
    environ = {
        name: re.sub(r"\$\{(\w+)(?::([-?])([^}]*))?\}", _filled, text) for name, text in SERVICE["environment"].items()
    }
    assert set(environ) <= set(DEFAULTS)
    config = configured(tmp_path, environ, ["serve", "--host", "0.0.0.0"])
    assert config.workers == 2
    assert config.warnings == ()
    url = store_url(config.store)
    assert url.password == "filled-in-by-this-test"
    assert (url.host, url.port) == ("database", 5432)
    assert (url.database, url.username) == (DATABASE["environment"]["POSTGRES_DB"], "cds")
    assert DATABASE["environment"]["POSTGRES_USER"] == "cds"
    assert DATABASE["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")


def _filled(found: re.Match[str]) -> str:
    """A variable of .env: its default, or a value; without one, compose must refuse."""
    if found[2] == "-":
        return str(found[3])
    assert found[2] == "?", f"{found[0]} would be empty without a word"
    return "filled-in-by-this-test"


def test_what_compose_asks_of_the_operator_is_in_the_example() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(\w+)", text))
    named = set(re.findall(r"^(\w+)=", (ROOT / "deploy" / "env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert asked == named


@pytest.mark.parametrize("service", [SERVICE, DATABASE], ids=["service", "database"])
def test_containers_of_compose_are_locked_down(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["restart"] == "unless-stopped"


def test_compose_allows_the_threads_of_its_workers_at_several_fhir_servers() -> None:
    """Kubernetes sets no such limit in a manifest. What is over: interpreter, server, store, key sets, probes."""
    workers = int(str(SERVICE["environment"]["CDS_WORKERS"]).partition(":-")[2].rstrip("}"))
    servers, over = 6, 100
    of_worker = servers * (FIRST_AT_ONCE + MOST_AT_ONCE) + BLOCKING_THREADS + over
    assert SERVICE["pids_limit"] >= workers * of_worker
    document = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    assert f"`pids_limit` of `compose.yaml` ({SERVICE['pids_limit']})" in document
    assert f"{workers} workers at {servers} FHIR servers" in document
    assert f"at most {FIRST_AT_ONCE + MOST_AT_ONCE} connections to each server, {FIRST_AT_ONCE} of them" in document


def test_compose_publishes_on_loopback_and_hides_the_database() -> None:
    assert [int(number) for number in SERVICE["user"].split(":")] == image_user()
    [published] = SERVICE["ports"]
    assert published == f"127.0.0.1:8080:{FINAL.arguments('EXPOSE')[0]}"
    assert "ports" not in DATABASE
    assert DATABASE["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICE["depends_on"]["database"] == {"condition": "service_healthy"}
    assert DATABASE["healthcheck"]["test"][1] == "pg_isready"
    [site] = SERVICE["volumes"]
    assert site["target"] == SERVICE["environment"]["CDS_SITE"]
    assert site["read_only"] is True


def test_the_image_starts_the_command_that_the_manifests_mean() -> None:
    assert FINAL.arguments("ENTRYPOINT") == ['["cds-service"]']
    options = {option for item in main.commands["serve"].params for option in item.opts}
    assert {word for word in CONTAINER["args"] if word.startswith("--")} <= options
