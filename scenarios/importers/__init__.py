"""Deployment files, tracing exports and scanner reports become a service graph, findings and a scenario."""
