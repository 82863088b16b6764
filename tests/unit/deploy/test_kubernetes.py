"""What kustomize makes of each overlay: valid, hardened, and pointing at what is there."""

import warnings
from typing import Any

import pytest
from fakes.deployed import manifests, pods

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


def _selected(templates: list[dict[str, Any]], labels: dict[str, str]) -> list[dict[str, Any]]:
    return [pod for pod in templates if labels.items() <= pod["metadata"]["labels"].items()]
