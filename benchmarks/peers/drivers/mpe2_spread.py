"""MPE2 (PettingZoo's particle worlds), `simple_spread_v3`, one world through the parallel API."""

from protocol import Play, drive

STEPS = 100


def build(batch: int, threads: int, seed: int) -> Play:
    """Worlds to step."""
    import numpy as np
    from mpe2 import simple_spread_v3

    env = simple_spread_v3.parallel_env(N=3, max_cycles=25, continuous_actions=False)
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    sizes = {agent: int(env.action_space(agent).n) for agent in env.possible_agents}

    def piece() -> tuple[int, int]:
        acted = 0
        for _ in range(STEPS):
            if not env.agents:
                env.reset()
            actions = {agent: int(rng.random() * sizes[agent]) for agent in env.agents}
            acted += len(actions)
            env.step(actions)
        return STEPS, acted

    counts = "point masses in the plane move one step and are pushed apart; dictionaries by agent"
    packages = ("mpe2", "pettingzoo", "gymnasium", "numpy")
    return Play(piece, len(env.possible_agents), "simple_spread_v3, 25 steps, discrete actions", counts, packages)


if __name__ == "__main__":
    drive(build)
