"""Modular services of the platform: what they cost, how the cost is shared, what they bring."""
