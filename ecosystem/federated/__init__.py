"""Federated, differentially private measurement across tenants, attribution and incentives."""
