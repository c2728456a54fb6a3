"""Verifiable claims: commitments, proofs and what they say. Research, not audited."""
