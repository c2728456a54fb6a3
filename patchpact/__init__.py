"""patchpact: who patches what, when, and who pays for it, negotiated over a graph of microservices.

The names below are the package's public surface. Each is imported on first use, so that ``import patchpact``
stays quick and loads neither ray nor torch:

- ``make(scenario, **overrides)``: a PettingZoo ``ParallelEnv`` of one world.
- ``make_aec(scenario, **overrides)``: the same world as a PettingZoo ``AECEnv``.
- ``make_services(scenario, **overrides)``: the same graph with every service as an agent (``make("mvp2-v1")``).
- ``make_vec(scenario_or_list, num_envs)``: many worlds at once, arrays by role.
- ``load_policy(folder)``: a trained policy from a run folder, without ray and without pickle.
- ``train(config)``: train policies with RLlib (extra ``patchpact[train]``).
- ``evaluate(scenario, policies, episodes, seed)``: any number of policies side by side on the same draws.
- ``plan(scenario, policy, baseline)``: what to patch, when, who pays, and why; without training.
- ``benchmark(suite, policies, out)``: a whole suite of worlds, into a folder that ``patchpact report`` reads.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from patchpact.envs import make, make_aec, make_services, make_vec
    from patchpact.training import evaluate, load_policy, train
    from patchpact.training.benchmark import benchmark
    from patchpact.training.plans import plan

__version__ = "0.1.0"

__all__ = [
    "__version__", "benchmark", "evaluate", "load_policy", "make", "make_aec", "make_services", "make_vec", "plan",
    "train",
]  # fmt: skip

_HOME = {
    "make": "patchpact.envs",
    "make_aec": "patchpact.envs",
    "make_services": "patchpact.envs",
    "make_vec": "patchpact.envs",
    "load_policy": "patchpact.training",
    "train": "patchpact.training",
    "evaluate": "patchpact.training",
    "benchmark": "patchpact.training.benchmark",
    "plan": "patchpact.training.plans",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562); raise AttributeError for an unknown one."""
    if name not in _HOME:
        raise AttributeError(f"module 'patchpact' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
