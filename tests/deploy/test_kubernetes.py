"""deploy/kubernetes: each object is one that Kubernetes takes, and they fit one another and the program."""

import shutil
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from desk.app import PUBLIC_PATHS
from ops.__main__ import _parser
from ops.commands import serve
from ops.configuration.settings import load
from ops.rule_analysis.checking import check
from tests.deploy.containerfile import stages
from tests.deploy.programs import DEPLOY, run

FOLDER = DEPLOY / "kubernetes"
NO_OBJECTS = {"kustomization.yaml", "prometheus-adapter.yaml"}
FILES = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name not in NO_OBJECTS)
FOR_MONITORING = {"/healthz", "/readyz", "/metrics"}


def read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    return loaded


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = read(name)["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("name", FILES)
def test_kubernetes_takes_the_object(name: str, version: str) -> None:
    kubernetes_validate.validate(read(name), version, strict=True)


def test_a_misspelt_key_would_be_found() -> None:
    wrong = read("deployment.yaml")
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_every_object_is_applied_but_the_migration_and_the_example_of_a_secret() -> None:
    assert set(FILES) - set(read("kustomization.yaml")["resources"]) == {"migrate.yaml", "secret.example.yaml"}


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here")
def test_kustomize_builds_the_folder() -> None:
    code, printed = run("kubectl", "kustomize", str(FOLDER))

    assert (code, printed.count("\nkind: ")) == (0, 9), printed


@pytest.mark.parametrize("name", ["deployment.yaml", "migrate.yaml"])
def test_a_pod_has_no_rights_and_runs_the_images_user(name: str) -> None:
    spec, (container,) = pod(name), pod(name)["containers"]
    user = int(stages()[-1].last("USER").partition(":")[0])

    assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["runAsUser"]) == (True, user)
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert _parser(container["args"][0]).parse_args(container["args"]).command == container["args"][0]


def test_selectors_find_the_nodes_and_not_the_migration() -> None:
    labels = read("deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        read("deployment.yaml")["spec"]["selector"]["matchLabels"],
        read("service.yaml")["spec"]["selector"],
        read("disruption.yaml")["spec"]["selector"]["matchLabels"],
    ]

    assert all(selector == labels for selector in selectors)
    assert read("migrate.yaml")["spec"]["template"]["metadata"]["labels"] != labels
    assert read("autoscaling.yaml")["spec"]["scaleTargetRef"]["name"] == read("deployment.yaml")["metadata"]["name"]


def test_a_node_has_the_time_to_drain() -> None:
    spec, (container,) = pod("deployment.yaml"), pod("deployment.yaml")["containers"]
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert spec["terminationGracePeriodSeconds"] > before + serve._DRAIN + serve._SENDING + serve._LINGER


def test_the_ingress_leads_to_every_address_but_those_for_monitoring() -> None:
    (rule,) = read("ingress.yaml")["spec"]["rules"]
    paths = {one["path"] for one in rule["http"]["paths"]}

    assert paths == {"/", "/api"} | {path.rstrip("/") for path in PUBLIC_PATHS.keys() - FOR_MONITORING}


def test_the_autoscalers_metric_is_the_one_that_the_adapter_makes() -> None:
    first, _ = read("autoscaling.yaml")["spec"]["metrics"]
    (rule,) = read("prometheus-adapter.yaml")["rules"]["custom"]

    assert first["pods"]["metric"]["name"] == rule["name"]["as"]


def test_the_configuration_has_no_fault_with_the_environment_of_a_pod(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(read("config.yaml")["data"]["config.toml"], "utf-8")
    for key, value in read("secret.example.yaml")["stringData"].items():
        (tmp_path / key).write_text(value, "utf-8")
    given = {one["name"]: one["value"] for one in pod("deployment.yaml")["containers"][0]["env"]}
    given = stages()[-1].environment | given
    environment = {name: value.replace("/run/secrets/huntgroup", str(tmp_path)) for name, value in given.items()}

    settings = load(config, environment)

    assert settings.service.database == read("secret.example.yaml")["stringData"]["database_url"]
    assert settings.service.hidden_by_a_proxy is False
    assert check(config, environment).ok
