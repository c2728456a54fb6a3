"""The faces of the world: PettingZoo parallel and AEC, and a vector environment with arrays by role."""

from patchpact.agents.roles import action_names
from patchpact.envs.aec import make_aec
from patchpact.envs.core.engine import REWARD_SCALE_KEUR
from patchpact.envs.names import observation_layout
from patchpact.envs.parallel import PatchpactEnv, make
from patchpact.envs.service_layout import service_layout
from patchpact.envs.services import ServicesEnv, make_services
from patchpact.envs.vector import VectorEnv, make_vec

__all__ = [
    "REWARD_SCALE_KEUR",
    "PatchpactEnv",
    "ServicesEnv",
    "VectorEnv",
    "action_names",
    "make",
    "make_aec",
    "make_services",
    "make_vec",
    "observation_layout",
    "service_layout",
]
