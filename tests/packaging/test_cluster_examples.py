"""The cluster examples are what Ray and KubeRay read, and docs/cluster.md names what there is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from patchpact.cli import train
from patchpact.cli.arguments import Parser


def manifest(repository: Path, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((repository / "examples" / "cluster" / name).read_text(encoding="utf-8"))
    return loaded


def ray_version(repository: Path) -> str:
    found = re.search(r"^ray==(.+)$", (repository / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return found[1]


def test_ray_up_reads_the_cluster(repository: Path) -> None:
    ray = pytest.importorskip("ray")
    jsonschema = pytest.importorskip("jsonschema")
    schema = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
    cluster = manifest(repository, "cluster.yaml")
    jsonschema.validate(cluster, json.loads(schema.read_text(encoding="utf-8")))
    assert cluster["head_node_type"] in cluster["available_node_types"]


@pytest.mark.parametrize(("name", "kind"), [("rayjob.yaml", "RayJob"), ("raycluster.yaml", "RayCluster")])
def test_the_manifests_have_a_head_and_workers(repository: Path, name: str, kind: str) -> None:
    loaded = manifest(repository, name)
    assert (loaded["apiVersion"], loaded["kind"]) == ("ray.io/v1", kind)
    spec = loaded["spec"]["rayClusterSpec"] if kind == "RayJob" else loaded["spec"]
    assert spec["rayVersion"] == ray_version(repository)
    for group in [spec["headGroupSpec"], *spec["workerGroupSpecs"]]:
        (container,) = group["template"]["spec"]["containers"]
        assert container["image"].startswith("example/patchpact")
        assert set(container["resources"]) == {"requests", "limits"}
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())  # KubeRay takes texts alone


def test_the_image_has_the_same_ray(repository: Path) -> None:
    text = (repository / "examples" / "cluster" / "Dockerfile").read_text(encoding="utf-8")
    assert f"rayproject/ray:{ray_version(repository)}-" in text


def test_the_commands_name_options_there_are(repository: Path) -> None:
    parser = Parser(prog="patchpact train")
    train.configure(parser)
    known = set(parser._option_string_actions)
    texts = [(repository / "docs" / "cluster.md").read_text(encoding="utf-8")]
    texts += [file.read_text(encoding="utf-8") for file in (repository / "examples" / "cluster").glob("*.yaml")]
    commands = [line for text in texts for line in re.findall(r"patchpact train((?:[^\n`\"]|\n#? {2,})*)", text)]
    options = {option for line in commands for option in re.findall(r"--[a-z-]+", line)}
    assert {"--ray-address", "--num-env-runners", "--num-gpus-per-learner"} <= options
    assert options <= known
