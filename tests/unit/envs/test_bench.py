"""What the benchmark times is the play that single steps make."""

import numpy as np

from patchpact.envs.core.engine import Engine
from patchpact.scenarios import load_scenario


def test_steps_in_one_call_are_single_steps():
    engines = [Engine([load_scenario("toy-v1")], 5) for _ in range(2)]
    actions = [np.zeros((5, engine.num_agents), np.int64) for engine in engines]
    for engine in engines:
        engine.reset(np.arange(5, dtype=np.uint64))
    for turn in range(40):
        engines[0].step_at_random(3, turn, actions[0])
    engines[1].step_at_random(3, 0, actions[1], steps=40)
    assert (actions[0] == actions[1]).all()
    for name, first, second in zip(engines[0].state._fields, engines[0].state, engines[1].state, strict=True):
        assert first.tobytes() == second.tobytes(), name
