"""How likely a finding is real, given which tools saw it and which did not."""
