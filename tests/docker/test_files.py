"""The files in docker/ say what they should, as far as that shows without an engine; prove.py runs them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from watcher.demo.standin import DUMMY_KEY
from watcher.settings.config import Settings

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE = ("docker-compose.yml", "docker-compose.demo.yml")


def services(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCKER / name).read_text())["services"]
    return found


@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_is_valid_by_the_schema_of_the_compose_specification(name: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(DOCKER / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def writable(service: dict[str, Any]) -> dict[str, bool]:
    """Where a service's volumes are mounted, and whether it may write there."""
    long = [volume for volume in service["volumes"] if isinstance(volume, dict)]
    short = [volume.split(":") for volume in service["volumes"] if isinstance(volume, str)]
    return {
        **{volume["target"]: not volume.get("read_only", False) for volume in long},
        **{target: "ro" not in options for _, target, *options in short},
    }


@pytest.mark.parametrize(("name", "place"), [("docker-compose.yml", "/ckpts"), ("docker-compose.demo.yml", "/data")])
def test_uimon_reads_the_trainers_files_and_cannot_write_them(name: str, place: str) -> None:
    trainer, uimon = services(name)["trainer"], services(name)["uimon"]
    assert writable(trainer)[place]
    assert not writable(uimon)[place]
    assert uimon["read_only"]


@pytest.mark.parametrize("name", COMPOSE)
def test_only_the_trainer_is_told_to_be_in_shared_mode(name: str) -> None:
    assert services(name)["trainer"]["environment"]["WANDB_MODE"] == "shared"
    assert "WANDB_MODE" not in services(name)["uimon"]["environment"]


@pytest.mark.parametrize("name", COMPOSE)
def test_every_service_is_hardened_and_all_but_the_users_own_image_have_limits(name: str) -> None:
    for service, found in services(name).items():
        assert found["cap_drop"] == ["ALL"], service
        assert found["security_opt"] == ["no-new-privileges:true"], service
        if (name, service) != ("docker-compose.yml", "trainer"):
            assert found["read_only"], service
            assert found["mem_limit"], service
            assert found["pids_limit"], service
            assert any(mount.startswith("/tmp:") for mount in found["tmpfs"]), service


def bases() -> list[str]:
    """The CPU image's base, wherever it is named."""
    build = services("docker-compose.demo.yml")["uimon"]["build"]["args"]["BASE"]
    found = re.search(r"^ARG BASE=(\S+)$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None
    return [found[1], build.removeprefix("${BASE:-").removesuffix("}")]


def test_the_base_image_is_named_by_one_digest() -> None:
    (base,) = set(bases())
    assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base)


def pin(place: Path, answer: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`docker/pin.sh` on a copy of docker/, with a registry that gives this answer."""
    for name in ("pin.sh", "Dockerfile", "docker-compose.demo.yml"):
        shutil.copy(DOCKER / name, place)
    tool = place / "docker"
    tool.write_text(f'#!/bin/sh\n[ "$1 $2 $3" = "buildx imagetools inspect" ] && echo "{answer}"\n')
    tool.chmod(0o755)
    path = {"PATH": f"{place}:/usr/bin:/bin"}
    return subprocess.run(["bash", place / "pin.sh", *arguments], env=path, capture_output=True, text=True, check=False)


@pytest.mark.skipif(Path("/usr/bin/skopeo").exists(), reason="skopeo would ask a real registry")
def test_pin_prints_an_image_with_its_digest_and_updates_the_base(tmp_path: Path) -> None:
    digest = "sha256:" + "ab" * 32
    assert pin(tmp_path, digest, "vllm/vllm-openai:v1").stdout == f"BASE=vllm/vllm-openai:v1@{digest}\n"
    done = pin(tmp_path, digest, "--update")
    assert done.returncode == 0, done.stderr
    for name in ("Dockerfile", "docker-compose.demo.yml"):
        assert f"python:3.11-slim-bookworm@{digest}" in (tmp_path / name).read_text()


@pytest.mark.skipif(Path("/usr/bin/skopeo").exists(), reason="skopeo would ask a real registry")
def test_pin_says_so_where_the_registry_names_no_digest(tmp_path: Path) -> None:
    done = pin(tmp_path, "", "vllm/vllm-openai:v1")
    assert done.returncode == 1
    assert "names no digest of vllm/vllm-openai:v1" in done.stderr
    assert not done.stdout


def test_trainer_and_uimon_get_a_gpu_each() -> None:
    gpus = [
        device["device_ids"]
        for name in ("trainer", "uimon")
        for device in services("docker-compose.yml")[name]["deploy"]["resources"]["reservations"]["devices"]
    ]
    assert gpus == [["0"], ["1"]]


@pytest.mark.parametrize("name", COMPOSE)
def test_what_uimon_remembers_outlives_its_container(name: str) -> None:
    named = yaml.safe_load((DOCKER / name).read_text())["volumes"]
    for volume, place in (("state", "/state"), ("stage", "/stage")):
        assert f"{volume}:{place}" in services(name)["uimon"]["volumes"]
        assert volume in named


@pytest.mark.parametrize("name", COMPOSE)
def test_the_key_is_a_file_and_in_no_environment(name: str) -> None:
    uimon = services(name)["uimon"]
    assert uimon["environment"]["WANDB_API_KEY_FILE"] == f"/run/secrets/{uimon['secrets'][0]}"
    assert not [service for service in services(name).values() if "WANDB_API_KEY" in service.get("environment", {})]


@pytest.mark.parametrize("name", COMPOSE)
def test_uimon_is_offline_but_for_wandb(name: str) -> None:
    assert services(name)["uimon"]["environment"]["HF_HUB_OFFLINE"] == "1"


def test_the_base_model_is_fetched_to_where_uimon_looks_for_it() -> None:
    base, uimon = services("docker-compose.yml")["base"], services("docker-compose.yml")["uimon"]
    assert "HF_HUB_OFFLINE" not in base["environment"]
    assert writable(base)["/hf"]
    assert not writable(uimon)["/hf"]


def test_the_example_sets_everything_that_has_no_default() -> None:
    example = (DOCKER / "example.env").read_text()
    text = (DOCKER / "docker-compose.yml").read_text()
    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) == set(re.findall(r"\$\{(\w+):\?", text))
    for name in re.findall(r"^#(\w+)=", example, re.MULTILINE):
        assert re.search(rf"\$\{{{name}:-|^ +{name}:$", text, re.MULTILINE), name


def test_the_demos_key_is_the_stand_ins_own() -> None:
    assert (DOCKER / "demo-wandb-key.txt").read_text().strip() == DUMMY_KEY


@pytest.mark.parametrize("name", ["demo.sh", "install.sh", "pin.sh"])
def test_scripts_are_written_in_correct_bash(name: str) -> None:
    subprocess.run(["bash", "-n", str(DOCKER / name)], check=True)


def kubernetes(kind: str) -> list[dict[str, Any]]:
    documents = yaml.safe_load_all((DOCKER / "kubernetes.yaml").read_text())
    return [found for found in documents if found["kind"] == kind]


def pods() -> list[dict[str, Any]]:
    """The pods of trainer and uimon."""
    return [job["spec"]["template"]["spec"] for job in kubernetes("Job")]


def test_every_mount_of_the_kubernetes_pods_has_its_volume_and_every_volume_its_claim() -> None:
    claimed = set()
    for pod in pods():
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
        claimed |= {v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
    assert claimed == {found["metadata"]["name"] for found in kubernetes("PersistentVolumeClaim")}


def test_in_kubernetes_uimon_cannot_end_the_trainer() -> None:
    # Restarts of all containers of a pod count together against its Job's limit; at the limit the pod ends.
    assert [[container["name"] for container in pod["containers"]] for pod in pods()] == [["trainer"], ["uimon"]]
    trainer, uimon = kubernetes("Job")
    chosen = uimon["spec"]["template"]["spec"]["affinity"]["podAffinity"]
    (rule,) = chosen["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["labelSelector"]["matchLabels"] == trainer["spec"]["template"]["metadata"]["labels"]


def test_every_kubernetes_container_is_hardened_and_has_limits() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"]:
            context = container["securityContext"]
            assert (context["capabilities"], context["allowPrivilegeEscalation"]) == ({"drop": ["ALL"]}, False)
            assert context.get("readOnlyRootFilesystem", False) or container["name"] == "trainer"
            assert container["resources"]["limits"]["memory"]


def test_kubernetes_restarts_a_uimon_that_hangs_and_none_that_only_starts_slowly() -> None:
    uimon = pods()[1]["containers"][0]
    port = int(next(e["value"] for e in uimon["env"] if e["name"] == "UIMON_SERVE").rpartition(":")[2])
    for probe in (uimon["startupProbe"], uimon["livenessProbe"]):
        assert probe["httpGet"] == {"path": "/healthz", "port": port}
    assert uimon["startupProbe"]["periodSeconds"] * uimon["startupProbe"]["failureThreshold"] >= 600


def test_the_containers_of_the_kubernetes_pods_share_a_run_and_the_checkpoints() -> None:
    trainer, uimon = (pod["containers"][0] for pod in pods())
    assert uimon["args"][:2] == ["watch", "/ckpts"]
    assert [m.get("readOnly", False) for c in (trainer, uimon) for m in c["volumeMounts"] if m["name"] == "ckpts"] == [
        False,
        True,
    ]
    assert [c["resources"]["limits"]["nvidia.com/gpu"] for c in (trainer, uimon)] == [1, 1]
    assert all({"name": "WANDB_RUN_ID", "value": "ui-1"} in c["env"] for c in (trainer, uimon))
    shared = [{"name": "WANDB_MODE", "value": "shared"} in c["env"] for c in (trainer, uimon)]
    assert shared == [True, False]


def test_settings_named_in_environments_exist() -> None:
    texts = "".join(path.read_text() for path in DOCKER.iterdir())
    named = {name.lower() for name in re.findall(r"\bUIMON_([A-Z_]+)", texts)}
    assert {"stage_dir", "serve"} <= named
    assert named <= set(Settings.model_fields)


def test_the_image_is_labelled_with_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f'image.version="{version}"' in (DOCKER / "Dockerfile").read_text()


def test_what_the_image_is_made_of_gets_past_dockerignore() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
        for source in line.split()
    }
    assert copied == allowed
