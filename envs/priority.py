"""Which findings matter most: probability x exploitability x loss on this graph, with the parts shown.

The parts multiply to the loss that a finding adds to the first window by the environment's own estimate
(`envs.core.risk`): exact at its service, first order beyond. Nothing is weighed anew here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from patchpact.envs.core.engine import Engine
from patchpact.scenarios import Scenario


def priority(scenario: Scenario) -> list[dict[str, Any]]:
    """The findings of a scenario, the one with the highest risk first.

    All findings count as known, and nothing as patched; a finding that the scenario lets arrive later ranks as
    it would on arrival.

    Returns:
        A row for each finding:

        - ``rank`` (from 1), ``service``, ``component``, ``cve``, ``patch`` (which removes it), ``fixed_version``,
          ``cvss``, ``epss``, ``kev``, ``exposed``;
        - ``probability``: that it is real (`Finding.confidence`);
        - ``attempt``: probability of an attempt on this organisation in a window; ``exposure`` and ``impact``:
          factors for where it stands and what it gives. Their product is ``exploitability``, the probability a
          window that it lets somebody in, if real;
        - ``loss_keur``: expected loss of an entry here that nothing else would have caused, over all services
          that can be reached from it (k€); ``own_loss_keur``: the service's own loss;
        - ``risk_keur``: probability x exploitability x loss, k€ a window.

    Raises:
        ScenarioError: where a rule or role of the scenario has an unknown name.
    """
    known = replace(scenario, findings=tuple(replace(finding, known_window=0) for finding in scenario.findings))
    engine = Engine([known], 1, autoreset=False)
    engine.reset(np.zeros(1, np.uint64))
    static, state = engine.static, engine.state
    findings = {finding.uid: finding for finding in known.findings}
    services = {service.name: number for number, service in enumerate(known.services)}
    parameters = known.parameters
    multiplier = float(parameters["loss_multiplier"])
    rows = []
    place = 0  # findings stand in the core by patch, then by uid
    for patch in known.patches:
        number = services[patch.service]
        service, reached = known.services[number], state.service[number]
        for uid in sorted(patch.findings):
            finding = findings[uid]
            exposure = float(parameters["exposure_exposed" if finding.exposed else "exposure_internal"])
            impact = 1.0 if finding.technical_impact == "total" else float(parameters["partial_impact"])
            attempt = float(state.attempt[static.entry_cve[place]])
            enters = attempt * min(float(static.entry[place]), 1.0)
            place += 1
            loss = float(reached["adjoint"] * (1.0 - reached["q"])) / max(1.0 - enters, 1e-9)
            rows.append(
                {
                    "rank": 0,
                    "service": finding.service,
                    "component": finding.component,
                    "cve": finding.cve,
                    "patch": patch.name,
                    "fixed_version": finding.fixed_version,
                    "cvss": finding.cvss,
                    "epss": finding.epss,
                    "kev": finding.kev,
                    "exposed": finding.exposed,
                    "probability": finding.confidence,
                    "attempt": attempt,
                    "exposure": exposure,
                    "impact": impact,
                    "exploitability": attempt * exposure * impact,
                    "loss_keur": loss,
                    "own_loss_keur": service.loss_keur * multiplier,
                    "risk_keur": enters * loss,
                }
            )
    engine.close()
    rows.sort(key=lambda row: -float(row["risk_keur"]))  # type: ignore[arg-type]
    for rank, row in enumerate(rows, 1):
        row["rank"] = rank
    return rows
