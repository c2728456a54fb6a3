"""Names, units and ranges of what agents see and do."""

import pytest

from patchpact.agents.roles import ACTION_NAMES, ROLE_MODULES, ROLES, action_names, layout
from patchpact.agents.roles.registry import MAX_ACTIONS


def test_names_of_entries_are_unique_and_said_in_full():
    entries = layout.observation_entries()
    names = [entry.name for entry in entries]
    assert len(set(names)) == len(names) == layout.OBSERVATION_SIZE
    for entry in entries:
        assert -layout.CLIP <= entry.low < entry.high <= layout.CLIP
        assert entry.unit and entry.description


def test_lookups_by_name_point_at_the_entry():
    names = [entry.name for entry in layout.observation_entries()]
    for feature in layout.ROW_FEATURES:
        for row in (0, 7, layout.AGENDA_ROWS - 1):
            assert names[row * layout.ROW_WIDTH + layout.row_feature(feature.name)] == f"row{row}.{feature.name}"
    for feature in layout.SLOT_FEATURES:
        for slot in (0, layout.ENTITY_SLOTS - 1):
            place = layout.SLOTS_START + slot * layout.SLOT_WIDTH + layout.slot_feature(feature.name)
            assert names[place] == f"slot{slot}.{feature.name}"
    for feature in layout.GLOBAL_FEATURES:
        assert names[layout.global_feature(feature.name)] == feature.name
    for lookup in (layout.row_feature, layout.slot_feature, layout.global_feature):
        with pytest.raises(KeyError):
            lookup("no such entry")


@pytest.mark.parametrize("role", ROLES)
def test_actions_are_named_once_and_common_ones_stand_first(role):
    names = action_names(role)
    assert len(set(names)) == len(names) <= MAX_ACTIONS
    assert names[: layout.LEVER_START] == layout.COMMON_ACTIONS
    assert names[layout.PASS] == "pass"
    assert names[layout.ABSTAIN] == "vote:abstain"
    assert names[layout.NOMINATE_START + 4 * 5 + 2] == "nominate:5:mitigate"
    assert names[layout.VOTE_START : layout.LEVER_START] == tuple(f"vote:{vote}" for vote in layout.VOTES)


def test_roles_and_their_modules():
    assert len(set(ROLES)) == len(ROLES) == len(ROLE_MODULES)
    assert max(map(len, ACTION_NAMES.values())) == MAX_ACTIONS
    with pytest.raises(ValueError, match="role: 'bussiness' is unknown; did you mean 'business'"):
        action_names("bussiness")
    for module in ROLE_MODULES:
        assert set(module.SEES) <= {"effort", "reachability", "revenue", "regression"}
        assert module.__doc__
