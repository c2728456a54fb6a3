"""Imports run one way, low to high, told from the syntax trees of all modules."""

import ast
from pathlib import Path

import pytest

# Low to high; a module belongs to the longest name that fits, and may import its own layer and lower ones.
LAYERS = (
    "patchpact.scenarios",
    "patchpact.agents.roles",
    "patchpact.envs",
    "patchpact.agents.policies",
    "patchpact.ecosystem",
    "patchpact.training",
    "patchpact",
)
FOLDERS = {
    "patchpact": "patchpact",
    "scenarios": "patchpact.scenarios",
    "agents": "patchpact.agents",
    "envs": "patchpact.envs",
    "ecosystem": "patchpact.ecosystem",
    "training": "patchpact.training",
}
ROOT = Path(__file__).resolve().parents[2]


def modules() -> dict[str, Path]:
    found = {}
    for folder, package in FOLDERS.items():
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join([package, *(part for part in parts if part != "__init__")])
            found[name] = file
    return found


MODULES = modules()


def imports(name: str, file: Path) -> set[str]:
    """Absolute names of all that a module imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
                base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
            found |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names}
    return found


def layer(name: str) -> int:
    fitting = [place for place in LAYERS if name == place or name.startswith(f"{place}.")]
    return LAYERS.index(max(fitting, key=len))


IMPORTS = {name: imports(name, file) for name, file in MODULES.items()}


def top(name: str) -> str:
    return name.split(".")[0]


def test_modules_are_found() -> None:
    assert {"patchpact", "patchpact.scenarios", "patchpact.envs.core", "patchpact.training.config"} <= set(MODULES)


def test_imports_run_one_way() -> None:
    wrong = []
    for name, used in IMPORTS.items():
        ours = {other for other in used if top(other) == "patchpact"} - {"patchpact.agents"}
        if name != "patchpact" and not name.startswith("patchpact.cli"):
            wrong += [f"{name} imports {other}" for other in ours if layer(other) > layer(name)]
    assert not wrong


def test_agents_itself_imports_nothing_of_ours() -> None:
    """It is loaded with the roles, below envs, and with the policies, above."""
    assert not {other for other in IMPORTS["patchpact.agents"] if top(other) == "patchpact"}


def test_no_bare_imports() -> None:
    """A bare name would give each class a second identity."""
    bare = set(FOLDERS) - {"patchpact"}
    wrong = [f"{name} imports {other}" for name, used in IMPORTS.items() for other in used if top(other) in bare]
    assert not wrong


@pytest.mark.parametrize(
    ("libraries", "rooms"),
    [
        (("ray",), ("patchpact.training.rllib",)),
        (("pickle", "cloudpickle", "dill", "shelve", "joblib"), ("patchpact.training.rllib",)),
        (("torch",), ("patchpact.agents.policies", "patchpact.ecosystem", "patchpact.training")),
        (("pettingzoo",), ("patchpact.envs", "patchpact.training.rllib")),
    ],
)
def test_libraries_stay_in_their_rooms(libraries: tuple[str, ...], rooms: tuple[str, ...]) -> None:
    wrong = [
        f"{name} imports {other}"
        for name, used in IMPORTS.items()
        for other in used
        if top(other) in libraries and not name.startswith(rooms)
    ]
    assert not wrong


def test_the_core_knows_arrays_only() -> None:
    banned = {"pettingzoo", "gymnasium", "ray", "torch", "pandas"}
    wrong = [
        f"{name} imports {other}"
        for name, used in IMPORTS.items()
        for other in used
        if name.startswith(("patchpact.envs.core", "patchpact.agents.roles")) and top(other) in banned
    ]
    assert not wrong
