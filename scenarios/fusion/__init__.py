"""How likely a finding is real, given which tools saw it and which did not."""

from patchpact.scenarios.fusion.fused import FusedFinding, explain, fuse

__all__ = ["FusedFinding", "explain", "fuse"]
