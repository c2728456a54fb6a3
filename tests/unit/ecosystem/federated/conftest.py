import numpy as np
import pytest

from patchpact.ecosystem.federated.market import Market, draw_persons, draw_tenants
from patchpact.ecosystem.federated.persons import Persons


@pytest.fixture(scope="session")
def persons() -> Persons:
    """Three tenants, from small to large."""
    rng = np.random.default_rng(3)
    return draw_persons(Market(), draw_tenants(Market(), 3, rng), np.array([80, 150, 400]), rng)[0]
