"""The smallest study with trainings: three arms of the toy, seconds each."""

TINY = """
id: tiny
title: A tiny study
description: For tests.
topologies:
- {name: toy, scenario: toy-v1}
- {name: short, scenario: toy-v1}
base: {windows: 2, attempt_multiplier: 20}
players: [net-gain]
training: {reward: own, num_envs: 4, minibatch: 64, hidden: 8, validation_episodes: 4, validate_every: 2, checkpoint_every: 1}
first_draw: 1000
incident_redraws: 8
measures: [welfare_keur, damage_keur, gini]
forms:
  small: {topologies: 1, training_seeds: 1, exploratory_seeds: 0, timesteps: 64, draws: 4}
  full: {topologies: 2, training_seeds: 2, exploratory_seeds: 1, timesteps: 64, draws: 4}
  pilot:
    topologies: 1
    training_seeds: 1
    exploratory_seeds: 0
    timesteps: 64
    draws: 4
    first_seed: 7
    first_draw: 500
    arms: [full, no-value, half]
arms:
- {name: full, description: As it is, sweep: {liability: 1}}
- {name: no-value, description: Without value, set: {value_enabled: false}}
- {name: no-responsibility, description: Without responsibility, set: {responsibility_enabled: false}}
- {name: no-governance, description: Without governance, set: {governance_enabled: false}, by_topology: {short: {veto_role: it}}}
- {name: placebo, description: Nothing changes, set: {veto_role: vendor}}
- {name: half, description: Half of liability, scale: {share_it: 0.5}, exploratory: true, sweep: {liability: 0.5}}
criteria:
  margin: 0.05
  least_training_seeds: 2
  least_topologies: 1
  least_draws: 4
  placebo: placebo
  failure: {gain_share: 0.5, participation_share: 0.5, insolvent_share: 0.25, firms: 1}
claims:
- id: X2
  title: Responsibility cuts loss
  mechanisms: [liability]
  tests:
  - {name: more damage without, measure: damage_keur, over: {no-responsibility: 1, full: -1}}
  - {name: less welfare without, over: {full: 1, no-responsibility: -1}, outside: responsibility}
not_tested:
- {id: X5, why: there are no small firms}
"""
