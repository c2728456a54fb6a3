"""patchpact's engine, random legal actions drawn in compiled code: what `patchpact bench core` measures."""

from protocol import Play, drive

STEPS_PER_CALL = 32


def build(batch: int, threads: int, seed: int) -> Play:
    """Worlds to step."""
    import numpy as np

    from patchpact.envs.core.engine import Engine
    from patchpact.scenarios import load_scenario

    engine = Engine([load_scenario("boutique-v1")], batch, threads=threads)
    engine.reset(np.arange(batch, dtype=np.uint64))
    actions = np.zeros((batch, engine.num_agents), np.int64)
    turn = 0
    steps = max(1, min(STEPS_PER_CALL, 16384 // batch))

    def piece() -> tuple[int, int]:
        nonlocal turn
        engine.step_at_random(seed, turn, actions, steps)
        turn += steps
        return steps * batch, steps * batch * engine.num_agents

    counts = "all agents nominate, vote or pull a lever; when the motions are over, a window of the world is played"
    return Play(piece, engine.num_agents, "boutique-v1, engine", counts, ("patchpact", "numpy", "numba"))


if __name__ == "__main__":
    drive(build)
