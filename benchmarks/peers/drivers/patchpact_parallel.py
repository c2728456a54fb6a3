"""patchpact's PettingZoo face, one world: what `patchpact bench env` measures."""

from protocol import Play, drive

STEPS = 64


def build(batch: int, threads: int, seed: int) -> Play:
    """Worlds to step."""
    import numpy as np

    from patchpact import make

    env = make("boutique-v1")
    rng = np.random.default_rng(seed)
    observations, _ = env.reset(seed=seed)

    def piece() -> tuple[int, int]:
        nonlocal observations
        acted = 0
        for _ in range(STEPS):
            if not env.agents:
                observations, _ = env.reset()
            actions = {}
            for agent in env.agents:
                legal = np.flatnonzero(observations[agent]["action_mask"])
                actions[agent] = int(legal[int(rng.random() * len(legal))])
            acted += len(actions)
            observations, *_ = env.step(actions)
        return STEPS, acted

    counts = "as the engine's; dictionaries by agent"
    packages = ("patchpact", "numpy", "numba", "pettingzoo")
    return Play(piece, len(env.possible_agents), "boutique-v1, ParallelEnv", counts, packages)


if __name__ == "__main__":
    drive(build)
