"""VMAS, `simple_spread`: a batch of worlds as tensors, one call a step."""

from protocol import Play, drive

HORIZON = 25


def build(batch: int, threads: int, seed: int) -> Play:
    """Worlds to step."""
    import torch
    import vmas

    torch.set_num_threads(threads)
    env = vmas.make_env(
        "simple_spread",
        num_envs=batch,
        device="cpu",
        continuous_actions=True,
        max_steps=HORIZON,
        seed=seed,
    )
    env.reset()
    agents = len(env.agents)

    @torch.no_grad()
    def piece() -> tuple[int, int]:
        for _ in range(HORIZON):
            dones = env.step(env.get_random_actions())[2]
            if bool(dones.any()):
                # All worlds end together: nothing but the horizon ends an episode of this task.
                env.reset()
        return HORIZON * batch, HORIZON * batch * agents

    counts = "point masses in the plane move one step and are pushed apart; observations and rewards of all agents"
    return Play(piece, agents, "simple_spread, 25 steps, continuous actions", counts, ("vmas", "torch", "numpy"))


if __name__ == "__main__":
    drive(build)
