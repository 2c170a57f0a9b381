"""deploy/kubernetes: each overlay as kustomize makes it, by the schemas of Kubernetes, KEDA and the Prometheus operator, and hardened."""

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.kubernetes.apps import v1 as apps
from cloudcoil.models.kubernetes.autoscaling import v2 as autoscaling
from cloudcoil.models.kubernetes.core import v1 as core
from cloudcoil.models.kubernetes.networking import v1 as networking
from cloudcoil.models.kubernetes.policy import v1 as policy
from cloudcoil.models.prometheus_operator import v1 as monitoring
from pydantic import BaseModel, ValidationError

from moderation.config import load_settings

FOLDER = Path(__file__).parent.parent / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (FOLDER / "overlays").iterdir())
# The key of each is apiVersion and kind, as a manifest has them.
SCHEMAS: dict[tuple[str, str], type[BaseModel]] = {
    ("v1", "Namespace"): core.Namespace,
    ("v1", "ConfigMap"): core.ConfigMap,
    ("v1", "Service"): core.Service,
    ("apps/v1", "Deployment"): apps.Deployment,
    ("policy/v1", "PodDisruptionBudget"): policy.PodDisruptionBudget,
    ("autoscaling/v2", "HorizontalPodAutoscaler"): autoscaling.HorizontalPodAutoscaler,
    ("networking.k8s.io/v1", "NetworkPolicy"): networking.NetworkPolicy,
    ("keda.sh/v1alpha1", "ScaledObject"): keda.ScaledObject,
    ("keda.sh/v1alpha1", "TriggerAuthentication"): keda.TriggerAuthentication,
    ("monitoring.coreos.com/v1", "PodMonitor"): monitoring.PodMonitor,
}
# What KEDA's Kafka scaler reads; to the schema they are any words.
KAFKA = {"bootstrapServersFromEnv", "consumerGroupFromEnv", "topicFromEnv", "lagThreshold", "offsetResetPolicy", "allowIdleConsumers", "sasl", "tls"}
LEAVES_WITHIN = {"worker": 15, "web": 5}  # seconds (docs/operations.md)
Manifest = dict[str, Any]

every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
every_pod = pytest.mark.parametrize("name", ["worker", "web"])


@functools.cache
def manifests(overlay: str) -> list[Manifest]:
    """What `kubectl apply -k` would send."""
    command: list[str | Path] = [Path(sys.executable).with_name("kubectl"), "kustomize", FOLDER / "overlays" / overlay]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    return list(yaml.safe_load_all(found.stdout))


def one(overlay: str, kind: str, name: str) -> Manifest:
    """The one of its kind and name."""
    (found,) = [each for each in manifests(overlay) if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def pod(overlay: str, name: str) -> Manifest:
    found: Manifest = one(overlay, "Deployment", f"moderation-{name}")["spec"]["template"]
    return found


def settings_of(overlay: str) -> dict[str, str]:
    (found,) = [each for each in manifests(overlay) if each["kind"] == "ConfigMap"]
    return dict(found["data"])


def check(manifest: Manifest) -> None:
    """Raises ValidationError for a field that its schema does not know, lacks, or has of another type."""
    SCHEMAS[manifest["apiVersion"], manifest["kind"]].model_validate(manifest, extra="forbid", strict=True, by_alias=True, by_name=False)


@every_overlay
def test_every_manifest_keeps_to_its_schema(overlay: str) -> None:
    assert len(manifests(overlay)) > 10
    for manifest in manifests(overlay):
        check(manifest)


@pytest.mark.parametrize(
    ("kind", "name", "path", "value"),
    [
        ("Deployment", "moderation-worker", ("spec", "template", "spec", "terminationGracePeriod"), 30),
        ("Deployment", "moderation-worker", ("spec", "revisionHistoryLimit"), "3"),
        ("ScaledObject", "moderation-worker", ("spec", "maxReplicas"), 4),
        ("ScaledObject", "moderation-worker", ("spec", "triggers"), None),
        ("NetworkPolicy", "data", ("spec", "egres"), []),
        ("HorizontalPodAutoscaler", "moderation-web", ("spec", "maxReplicas"), None),
    ],
)
def test_a_wrong_manifest_is_found(kind: str, name: str, path: tuple[str, ...], value: object) -> None:
    wrong = yaml.safe_load(yaml.safe_dump(one("newsroom", kind, name)))
    place = functools.reduce(lambda found, step: found[step], path[:-1], wrong)
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(ValidationError):
        check(wrong)


@every_overlay
def test_all_is_in_one_namespace_that_wants_restricted_pods(overlay: str) -> None:
    for manifest in manifests(overlay):
        assert manifest["metadata"].get("namespace") == (None if manifest["kind"] == "Namespace" else "moderation")
    assert one(overlay, "Namespace", "moderation")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@every_overlay
@every_pod
def test_a_pod_may_do_nothing_it_need_not(overlay: str, name: str) -> None:
    spec = pod(overlay, name)["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    (container,) = spec["containers"]
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert container["resources"]["limits"]["memory"]
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert not container["image"].endswith((":latest", ":", "moderation"))


@every_overlay
@every_pod
def test_a_pod_has_the_time_to_end_its_work_and_is_probed(overlay: str, name: str) -> None:
    spec = pod(overlay, name)["spec"]
    (container,) = spec["containers"]
    before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert spec["terminationGracePeriodSeconds"] >= before + 2 * LEAVES_WITHIN[name]
    ports = {port["name"] for port in container["ports"]}
    probes = {kind: container[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert [probe["path"] for probe in probes.values()] == ["/livez", "/livez", "/readyz"]
    assert {probe["port"] for probe in probes.values()} <= ports


@every_overlay
@every_pod
def test_pods_spread_over_zones_and_machines(overlay: str, name: str) -> None:
    spread = pod(overlay, name)["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert all(each["labelSelector"]["matchLabels"].items() <= pod(overlay, name)["metadata"]["labels"].items() for each in spread)


@every_overlay
@every_pod
def test_settings_are_settings(overlay: str, name: str) -> None:
    """With the secret that docs/deploy.md makes; files that are mounted are not here."""
    (container,) = pod(overlay, name)["spec"]["containers"]
    secret = {"MODERATION_REDIS_URL": "rediss://:secret@redis.data:6379/0"}
    given = {**settings_of(overlay), **{each["name"]: "given" for each in container.get("env", [])}}
    settings = load_settings({key: value for key, value in {**given, **secret}.items() if not key.endswith("_FILE")})
    assert settings.replication == 3
    assert settings.web_cookies == "secure"
    assert pod(overlay, name)["spec"]["enableServiceLinks"] is False  # MODERATION_WEB_PORT would be an address


@every_overlay
@every_pod
def test_secrets_are_named_and_never_said(overlay: str, name: str) -> None:
    assert not [each for each in manifests(overlay) if each["kind"] == "Secret"]
    assert not [key for key in settings_of(overlay) if "PASSWORD" in key or key == "MODERATION_REDIS_URL"]
    (container,) = pod(overlay, name)["spec"]["containers"]
    assert {"secretRef": {"name": "moderation"}} in container["envFrom"]
    assert all(set(each) == {"name", "valueFrom"} for each in container.get("env", []))
    (settings,) = [each for each in manifests(overlay) if each["kind"] == "ConfigMap"]
    assert {"configMapRef": {"name": settings["metadata"]["name"]}} in container["envFrom"]


@every_overlay
def test_no_more_workers_than_partitions(overlay: str) -> None:
    spec = one(overlay, "ScaledObject", "moderation-worker")["spec"]
    partitions = int(settings_of(overlay)["MODERATION_PARTITIONS"])
    assert 1 <= spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"] <= partitions


@every_overlay
def test_workers_follow_the_lag_of_their_own_group(overlay: str) -> None:
    spec = one(overlay, "ScaledObject", "moderation-worker")["spec"]
    assert spec["scaleTargetRef"] == {"name": "moderation-worker", "envSourceContainerName": "worker"}
    (trigger,) = spec["triggers"]
    assert trigger["type"] == "kafka"
    assert set(trigger["metadata"]) <= KAFKA
    assert {value for key, value in trigger["metadata"].items() if key.endswith("FromEnv")} <= set(settings_of(overlay))
    assert "://" not in settings_of(overlay)["MODERATION_KAFKA_URL"]
    secure = settings_of(overlay).get("MODERATION_KAFKA_SECURITY") == "sasl_ssl"
    assert (trigger["metadata"].get("tls") == "enable") == secure
    if secure:
        named = one(overlay, "TriggerAuthentication", trigger["authenticationRef"]["name"])["spec"]["secretTargetRef"]
        assert {each["parameter"] for each in named} == {"username", "password", "ca"}


@every_overlay
def test_who_scales_decides_how_many(overlay: str) -> None:
    for name in ("worker", "web"):
        assert "replicas" not in one(overlay, "Deployment", f"moderation-{name}")["spec"]
    spec = one(overlay, "HorizontalPodAutoscaler", "moderation-web")["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "moderation-web"}
    assert 2 <= spec["minReplicas"] < spec["maxReplicas"]


@every_overlay
def test_selectors_find_pods(overlay: str) -> None:
    """Budgets, the service, monitors, policies: each chooses at least one of ours, and its ports are theirs."""
    pods = [pod(overlay, name) for name in ("worker", "web")]
    choosing = [each for each in manifests(overlay) if each["kind"] in {"PodDisruptionBudget", "Service", "PodMonitor", "NetworkPolicy", "Deployment"}]
    assert len(choosing) >= 10
    for each in choosing:
        spec = each["spec"]
        selector = spec.get("podSelector", spec.get("selector"))
        labels = selector if each["kind"] == "Service" else selector.get("matchLabels", {})
        chosen = [found for found in pods if labels.items() <= found["metadata"]["labels"].items()]
        assert chosen, each["metadata"]["name"]
        wanted = {port["targetPort"] for port in spec.get("ports", [])} | {end["port"] for end in spec.get("podMetricsEndpoints", [])}
        assert wanted <= {port["name"] for found in chosen for port in found["spec"]["containers"][0]["ports"]}


@every_overlay
def test_nothing_comes_in_or_goes_out_that_is_not_named(overlay: str) -> None:
    deny = one(overlay, "NetworkPolicy", "default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    rules = [rule for each in manifests(overlay) if each["kind"] == "NetworkPolicy" for way in ("ingress", "egress") for rule in each["spec"].get(way, [])]
    assert len(rules) == 4
    for rule in rules:
        assert rule["ports"]
        assert all(peer["namespaceSelector"]["matchLabels"] for peer in rule.get("from", rule.get("to")))


def test_the_operator_scrapes_as_prometheus_does() -> None:
    """The same jobs, the same metrics left out."""
    shipped = yaml.safe_load((FOLDER.parent / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    monitors = {each["metadata"]["name"]: each["spec"] for each in manifests("platform") if each["kind"] == "PodMonitor"}
    assert set(monitors) == {job["job_name"] for job in shipped}
    for job in shipped:
        spec = monitors[job["job_name"]]
        assert spec["selector"]["matchLabels"][spec["jobLabel"]] == job["job_name"]
        (end,) = spec["podMetricsEndpoints"]
        kept = [{"sourceLabels": each["source_labels"], "regex": each["regex"], "action": each["action"]} for each in job.get("metric_relabel_configs", [])]
        assert end.get("metricRelabelings", []) == kept
