"""NASim, benchmark `medium`: one attacker on a network of 16 hosts."""

from protocol import Play, drive

STEPS = 500


def build(batch: int, threads: int, seed: int) -> Play:
    """Worlds to step."""
    import nasim
    import numpy as np

    env = nasim.make_benchmark("medium", seed=seed)
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    np.random.seed(seed)  # noqa: NPY002 - whether an exploit succeeds is drawn from the global generator
    size = int(env.action_space.n)

    def piece() -> tuple[int, int]:
        for _ in range(STEPS):
            _, _, done, limit, _ = env.step(int(rng.random() * size))
            if done or limit:
                env.reset()
        return STEPS, STEPS

    counts = "one attacker scans or exploits one host; a partial observation"
    return Play(piece, 1, "medium, 16 hosts, partially observed", counts, ("nasim", "gymnasium", "numpy"))


if __name__ == "__main__":
    drive(build)
