"""Puts the maker of small tenants within reach of the tests beside it."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent))


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    """Compiled code is loaded, so that no test waits for it."""
    from patchpact.ecosystem.service import RECOMMENDERS, TenantView
    from patchpact.scenarios import load_scenario

    RECOMMENDERS["net-gain"].recommender.recommend(TenantView.of(load_scenario("toy-v1")), 1)
