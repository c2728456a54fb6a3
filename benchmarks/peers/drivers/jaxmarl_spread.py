"""JaxMARL, `MPE_simple_spread_v3`: jitted, mapped over worlds, many steps in one compiled loop."""

from protocol import measure, start

STEPS_PER_CALL = 100


def main() -> None:
    """Measure and print one line."""
    args = start()

    import jax
    import jaxmarl

    env = jaxmarl.make("MPE_simple_spread_v3")
    sizes = [env.action_space(agent).n for agent in env.agents]

    def step(carry, _):
        key, state, _ = carry
        key, key_act, key_step = jax.random.split(key, 3)
        keys = jax.random.split(key_act, len(sizes))
        actions = {
            agent: jax.random.randint(one, (args.batch,), 0, size)
            for agent, one, size in zip(env.agents, keys, sizes, strict=True)
        }
        observations, state, rewards, dones, _ = jax.vmap(env.step)(
            jax.random.split(key_step, args.batch), state, actions
        )
        # Handed on, so that the compiler must work out all of it at every step.
        return (key, state, (observations, rewards, dones)), None

    @jax.jit
    def roll(carry):
        return jax.lax.scan(step, carry, None, STEPS_PER_CALL)[0]

    key, key_reset = jax.random.split(jax.random.key(args.seed))
    _, state = jax.jit(jax.vmap(env.reset))(jax.random.split(key_reset, args.batch))
    carry, _ = jax.jit(step)((key, state, None), None)

    def play() -> tuple[int, int]:
        nonlocal carry
        carry = jax.block_until_ready(roll(carry))
        steps = STEPS_PER_CALL * args.batch
        return steps, steps * env.num_agents

    counts = "point masses in the plane move one step and are pushed apart; random numbers drawn in the same loop"
    task = "MPE_simple_spread_v3, 25 steps, discrete actions"
    measure(args, play, env.num_agents, task, counts, ("jaxmarl", "jax", "numpy"))


if __name__ == "__main__":
    main()
