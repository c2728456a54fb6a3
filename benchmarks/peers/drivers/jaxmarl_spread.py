"""JaxMARL, `MPE_simple_spread_v3`: jitted, mapped over worlds, many steps in one compiled loop."""

from protocol import Play, drive

MOST_STEPS_PER_CALL = 100


def build(batch: int, threads: int, seed: int) -> Play:
    """Worlds to step."""
    import jax
    import jaxmarl

    env = jaxmarl.make("MPE_simple_spread_v3")
    steps = max(10, min(MOST_STEPS_PER_CALL, 100_000 // batch))
    sizes = [env.action_space(agent).n for agent in env.agents]

    def step(carry, _):
        key, state, _ = carry
        key, key_act, key_step = jax.random.split(key, 3)
        keys = jax.random.split(key_act, len(sizes))
        actions = {
            agent: jax.random.randint(one, (batch,), 0, size)
            for agent, one, size in zip(env.agents, keys, sizes, strict=True)
        }
        observations, state, rewards, dones, _ = jax.vmap(env.step)(jax.random.split(key_step, batch), state, actions)
        # Handed on, so that the compiler must work out all of it at every step.
        return (key, state, (observations, rewards, dones)), None

    @jax.jit
    def roll(carry):
        return jax.lax.scan(step, carry, None, steps)[0]

    key, key_reset = jax.random.split(jax.random.key(seed))
    _, state = jax.jit(jax.vmap(env.reset))(jax.random.split(key_reset, batch))
    carry, _ = jax.jit(step)((key, state, None), None)

    def piece() -> tuple[int, int]:
        nonlocal carry
        carry = jax.block_until_ready(roll(carry))
        return steps * batch, steps * batch * env.num_agents

    counts = "point masses in the plane move one step and are pushed apart; random numbers drawn in the same loop"
    task = "MPE_simple_spread_v3, 25 steps, discrete actions"
    return Play(piece, env.num_agents, task, counts, ("jaxmarl", "jax", "numpy"))


if __name__ == "__main__":
    drive(build)
