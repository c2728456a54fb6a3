"""What can be measured: name, module and one line of help. A calibration is one module and one line here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """One calibration; ``patchpact calibrate NAME`` runs it and writes ``scenarios/tables/NAME.csv``.

    ``module`` has ``configure(parser)``, which adds options to an ``argparse.ArgumentParser``, and
    ``run(args) -> Measurement`` (``patchpact.scenarios.tables``). It is imported for ``--help`` too: imports that take
    long stand inside ``run``.
    """

    name: str
    module: str
    help: str


CALIBRATIONS: tuple[Calibration, ...] = (
    Calibration("claims", "patchpact.ecosystem.claims.calibration", "time and size of proving and verifying claims"),
    Calibration("federated", "patchpact.ecosystem.federated.calibration", "federated, private measurement"),
    Calibration("portfolio", "patchpact.ecosystem.portfolio.calibration", "an LSTM's forecasts and portfolios"),
    Calibration("modules", "patchpact.training.module_worth", "what the platform's modules are worth to a tenant"),
)
