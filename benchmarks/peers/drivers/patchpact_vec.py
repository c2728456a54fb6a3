"""patchpact's vector face: the caller draws legal actions in numpy and makes one call a step."""

import time

from protocol import Play, drive


def build(batch: int, threads: int, seed: int) -> Play:
    """Worlds to step."""
    import numpy as np

    from patchpact import make_vec

    env = make_vec("boutique-v1", batch, threads=threads, copy=False)
    observations, _ = env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    agents = sum(env.agents_of(role) for role in env.roles)
    steps = max(1, 1024 // batch)
    sampling = 0.0

    def piece() -> tuple[int, int]:
        nonlocal observations, sampling
        for _ in range(steps):
            begin = time.perf_counter()
            actions = {}
            for role in env.roles:
                legal = observations[role]["action_mask"].cumsum(-1, dtype=np.int16)
                drawn = (rng.random(legal.shape[:-1]) * legal[..., -1]).astype(np.int16)
                actions[role] = (legal <= drawn[..., None]).sum(-1)
            sampling += time.perf_counter() - begin
            observations = env.step(actions)[0]
        return steps * batch, steps * batch * agents

    counts = "as the engine's; observations, masks and infos come to Python"
    packages = ("patchpact", "numpy", "numba")
    return Play(piece, agents, "boutique-v1, make_vec", counts, packages, lambda: {"drawing actions": sampling})


if __name__ == "__main__":
    drive(build)
