"""NASim, benchmark `medium`: one attacker on a network of 16 hosts."""

from protocol import measure, start

STEPS = 500


def main() -> None:
    """Measure and print one line."""
    args = start()

    import nasim
    import numpy as np

    env = nasim.make_benchmark("medium", seed=args.seed)
    env.reset(seed=args.seed)
    rng = np.random.default_rng(args.seed)
    np.random.seed(args.seed)  # noqa: NPY002 - whether an exploit succeeds is drawn from the global generator
    size = int(env.action_space.n)

    def play() -> tuple[int, int]:
        for _ in range(STEPS):
            _, _, done, limit, _ = env.step(int(rng.random() * size))
            if done or limit:
                env.reset()
        return STEPS, STEPS

    counts = "one attacker scans or exploits one host; a partial observation"
    measure(args, play, 1, "medium, 16 hosts, partially observed", counts, ("nasim", "gymnasium", "numpy"))


if __name__ == "__main__":
    main()
