"""What entries are called."""

import pytest

from patchpact.agents.roles import ROLES, layout
from patchpact.envs import observation_layout


def test_every_role_has_the_layout_of_its_observations():
    for role in ROLES:
        entries = observation_layout(role)
        assert len(entries) == layout.OBSERVATION_SIZE
        assert entries == observation_layout(ROLES[0])


def test_an_unknown_role_is_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"role: 'vendr' is unknown.*vendor"):
        observation_layout("vendr")
