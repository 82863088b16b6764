"""What kustomize makes of each overlay: valid, hardened, and pointing at what is there."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from fakes.deployed import manifests, pods

from pipeline.scanner.settings import ScannerSettings
from quote_core.addresses import host_of, servers_of
from quote_core.settings import PlatformSettings
from solquote.nats_setup import MONITOR_ABOVE, ROUTES_ABOVE, NatsNode, NatsSetup, write_nats_setup

OVERLAYS = ["base", "one-node", "cluster"]
OLDEST_KUBERNETES = "1.33.0"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_fits_the_schema_of_its_kind(overlay: str):
    with warnings.catch_warnings():  # what it imports, not what is checked
        warnings.simplefilter("ignore")
        import kubernetes_validate  # noqa: PLC0415
    for one in manifests(overlay):
        kubernetes_validate.validate(one, OLDEST_KUBERNETES, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_as_the_standard_restricted_asks_and_reads_no_setting_from_a_service_s_name(overlay: str):
    for pod in pods(manifests(overlay)):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_namespace_admits_the_node_s_folder_only_where_one_is_mounted(overlay: str):
    objects = manifests(overlay)
    (namespace,) = (one for one in objects if one["kind"] == "Namespace")
    mounts_node = any("hostPath" in volume for pod in pods(objects) for volume in pod["spec"]["volumes"])
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == (
        "privileged" if mounts_node else "restricted"
    )
    assert mounts_node == (overlay == "one-node")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_selects_pods_selects_some_and_names_ports_that_they_have(overlay: str):
    objects = manifests(overlay)
    templates = pods(objects)
    for one in objects:
        spec = one.get("spec", {})
        if one["kind"] == "Service":
            selected = _selected(templates, spec["selector"])
            wanted = {port["targetPort"] for port in spec["ports"]}
        elif one["kind"] in {"PodDisruptionBudget", "NetworkPolicy"}:
            selected = _selected(templates, (spec.get("selector") or spec["podSelector"])["matchLabels"])
            wanted = {port["port"] for rule in spec.get("ingress", []) for port in rule["ports"]}
        else:
            continue
        had = {port["name"] for pod in selected for box in pod["spec"]["containers"] for port in box.get("ports", [])}
        assert selected, one["metadata"]["name"]
        assert wanted <= had


def test_clients_of_a_cluster_are_served_by_the_aggregators_that_scale():
    objects = manifests("cluster")
    (service,) = (one for one in objects if one["kind"] == "Service" and one["metadata"]["name"] == "solquote")
    (pod,) = _selected(pods(objects), service["spec"]["selector"])
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "aggregator"
    (scaler,) = (one for one in objects if one["kind"] == "HorizontalPodAutoscaler")
    (scaled,) = (one for one in objects if one["kind"] == scaler["spec"]["scaleTargetRef"]["kind"])
    assert scaled["metadata"]["name"] == scaler["spec"]["scaleTargetRef"]["name"]
    assert "replicas" not in scaled["spec"]


def test_scanners_are_as_many_as_parts_and_each_has_its_pod_s_number():
    objects = manifests("cluster")
    scanning = _settings(objects, "solquote-scanning-")
    (scanners,) = (
        one for one in objects if one["kind"] == "StatefulSet" and one["metadata"]["name"].endswith("scanner")
    )
    assert int(scanning["SOLQUOTE_SCANNER_PARTITION_COUNT"]) == scanners["spec"]["replicas"]
    aggregator, scanner, _ = scanners["spec"]["template"]["spec"]["containers"]
    assert scanner["command"] == ["python", "-m", "pipeline.scanner"]
    index = next(one for one in scanner["env"] if one["name"] == "SOLQUOTE_SCANNER_PARTITION_INDEX")
    assert index["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['apps.kubernetes.io/pod-index']"
    quotes = {"name": "quotes", "mountPath": "/dev/shm"}
    assert quotes in aggregator["volumeMounts"]
    assert quotes in scanner["volumeMounts"]
    settings = ScannerSettings.load(environ=scanning | {index["name"]: "1"})
    assert (settings.partition().index, settings.partition().count) == (1, 2)


def test_what_trades_finds_the_bus_s_servers_by_the_names_that_their_pods_have(tmp_path: Path):
    objects = manifests("cluster")
    (servers,) = (one for one in objects if one["kind"] == "StatefulSet" and one["metadata"]["name"] == "nats")
    hosts = [f"nats-{number}.{servers['spec']['serviceName']}" for number in range(servers["spec"]["replicas"])]
    platform = PlatformSettings.load(environ=_settings(objects, "solquote-scanning-"))
    assert [host_of(url) for url in servers_of(platform.nats_url)] == hosts
    setup = NatsSetup(
        nodes=[NatsNode(host, 4222) for host in hosts], listen="0.0.0.0", monitor="0.0.0.0", store=Path("/data")
    )
    assert setup.urls == platform.nats_url
    (container,) = servers["spec"]["template"]["spec"]["containers"]
    names = {f"/etc/nats/{path.name}" for path in write_nats_setup(tmp_path, setup)}
    assert {container["command"][-1].replace("$(POD_NAME)", f"nats-{number}") for number in range(3)} == names
    assert {port["containerPort"] for port in container["ports"]} == {4222, 4222 + ROUTES_ABOVE, 4222 + MONITOR_ABOVE}
    (solquote,) = (
        one
        for pod in pods(objects)
        for one in pod["spec"]["containers"]
        if {"name": "SOLQUOTE_INITIALIZER_REPLICAS", "value": "3"} in one.get("env", [])
    )
    assert [one["configMapRef"]["name"].rpartition("-")[0] for one in solquote["envFrom"]] == [
        "solquote-settings",
        "solquote-scanning",
    ]


def _settings(objects: list[dict[str, Any]], prefix: str) -> dict[str, str]:
    (found,) = (one for one in objects if one["kind"] == "ConfigMap" and one["metadata"]["name"].startswith(prefix))
    return found["data"]


def _selected(templates: list[dict[str, Any]], labels: dict[str, str]) -> list[dict[str, Any]]:
    return [pod for pod in templates if labels.items() <= pod["metadata"]["labels"].items()]
