"""Play every bundled scenario and write `docs/games.md`: is the game worth playing, and by how much.

    python tools/write_games.py [EPISODES]

What `patchpact check SCENARIO --game` prints, for all scenarios at once. Takes some minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from patchpact.cli.output import table
from patchpact.scenarios import load_scenario, scenario_ids
from patchpact.training.game_check import check_game

TARGET = Path(__file__).resolve().parent.parent / "docs" / "games.md"
HEAD = """# Is the game worth playing?

A score is 0 for doing nothing and 1 for the best policy known here, on the same worlds with the same draws; intervals
are 95%. This page is written by

```sh
python tools/write_games.py {episodes}
```

and one scenario's part by `patchpact check SCENARIO --game --episodes {episodes}`. Losses are drawn; the toy books
their expectation. The last line of each part sets the public risk estimate (an upper bound: every path is counted as
if it were the only one) beside drawn losses; and the risks of single patches that agents see, which are derivatives,
beside what solving anew without their findings gives: sums over sums, and absolute errors over that.

## What was tuned

EPSS, CVSS, KEV, components and calls are as published. Within the ranges of `scenarios/parameters.csv`:

- Liability lies mostly with users (`share_it` .25, `share_business` .05, `share_vendor` .01): then those who bear
  the downtime gain little by a patch, and selfish voting costs welfare. Of all dials this one moves it most.
- Losses stand between insured claims (140-180 k$) and surveyed breaches (2.5-3.3 M$): 40, 80, 250 and 600 k€ by the
  sensitivity of the data. Twice as much, and patching everything at random is nearly as good as planning.
- An upgrade costs its vendor 1.2 k€ of support (`support_keur`), more than its fee; else vendors accept everything.
- Exposure of internal services .4 to .6 (`exposure_internal`) and foothold by partial impact .8 in two scenarios
  (`partial_impact`) spread the risk over more patches.
- Prerequisites by rule, about 35% of patches; `generated-large-v1` has losses times .6, else every patch pays.
"""


def main() -> None:
    episodes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    parts = [HEAD.format(episodes=episodes)]
    failing = []
    for id_ in scenario_ids():
        report = check_game(load_scenario(id_), episodes=episodes)
        failing += [f"`{id_}`: {row['check']}" for row in report["checks"] if not row["holds"]]
        parts.append(f"## {id_}\n\n{table(report['checks'], markdown=True)}\n")
        parts.append(table(report["scores"][:12], markdown=True) + "\n")
        parts.append(table(report["estimate"], markdown=True) + "\n")
        print(id_, "passed" if report["passed"] else "failed", flush=True)
    parts.insert(1, "## What still falls short\n\n" + ("\n".join(f"- {line}" for line in failing) or "Nothing.") + "\n")
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
