"""NegMAS, alternating offers: two random negotiators over three issues of ten values."""

import random

from protocol import Play, drive

ROUNDS = 100


def build(batch: int, threads: int, seed: int) -> Play:
    """Worlds to step."""
    import numpy as np
    from negmas import LinearAdditiveUtilityFunction, RandomNegotiator, SAOMechanism, make_issue, make_os

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the negotiators draw from the global generators
    outcomes = make_os([make_issue(10, f"issue_{k}") for k in range(3)])
    utilities = [LinearAdditiveUtilityFunction.random(outcome_space=outcomes, reserved_value=0.0) for _ in range(2)]

    def piece() -> tuple[int, int]:
        mechanism = SAOMechanism(outcome_space=outcomes, n_steps=ROUNDS)
        for utility in utilities:
            mechanism.add(RandomNegotiator(), preferences=utility)
        rounds = 1
        while mechanism.step().running:
            rounds += 1
        return rounds, rounds * len(utilities)

    counts = "a round of offers and answers of both; a new mechanism for each negotiation, which chance soon ends"
    task = "alternating offers, 3 issues of 10 values, 100 rounds at most"
    return Play(piece, len(utilities), task, counts, ("negmas", "numpy"))


if __name__ == "__main__":
    drive(build)
