"""Ablation studies: a design with its criteria, the runner of its cells, and the verdict that follows by code."""
