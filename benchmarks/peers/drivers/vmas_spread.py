"""VMAS, `simple_spread`: a batch of worlds as tensors, one call a step."""

from protocol import measure, start

HORIZON = 25


def main() -> None:
    """Measure and print one line."""
    args = start()

    import torch
    import vmas

    torch.set_num_threads(args.threads)
    env = vmas.make_env(
        "simple_spread",
        num_envs=args.batch,
        device="cpu",
        continuous_actions=True,
        max_steps=HORIZON,
        seed=args.seed,
    )
    env.reset()
    agents = len(env.agents)

    def play() -> tuple[int, int]:
        for _ in range(HORIZON):
            dones = env.step(env.get_random_actions())[2]
            if bool(dones.any()):
                # All worlds end together: nothing but the horizon ends an episode of this task.
                env.reset()
        return HORIZON * args.batch, HORIZON * args.batch * agents

    counts = "point masses in the plane move one step and are pushed apart; observations and rewards of all agents"
    with torch.no_grad():
        measure(args, play, agents, "simple_spread, 25 steps, continuous actions", counts, ("vmas", "torch", "numpy"))


if __name__ == "__main__":
    main()
