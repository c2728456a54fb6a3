"""patchpact's engine, random legal actions drawn in compiled code: what `patchpact bench core` measures."""

from protocol import measure, start

STEPS_PER_CALL = 32


def main() -> None:
    """Measure and print one line."""
    args = start()

    import numpy as np

    from patchpact.envs.core.engine import Engine
    from patchpact.scenarios import load_scenario

    engine = Engine([load_scenario("boutique-v1")], args.batch, threads=args.threads)
    engine.reset(np.arange(args.batch, dtype=np.uint64))
    actions = np.zeros((args.batch, engine.num_agents), np.int64)
    turn = 0
    steps = max(1, min(STEPS_PER_CALL, 65536 // args.batch))

    def play() -> tuple[int, int]:
        nonlocal turn
        engine.step_at_random(args.seed, turn, actions, steps)
        turn += steps
        return steps * args.batch, steps * args.batch * engine.num_agents

    counts = "all agents nominate, vote or pull a lever; when the motions are over, a window of the world is played"
    measure(args, play, engine.num_agents, "boutique-v1, engine", counts, ("patchpact", "numpy", "numba"))
    engine.close()


if __name__ == "__main__":
    main()
