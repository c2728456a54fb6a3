"""Importers of service graphs, one module per format; `scenarios.importers.registry` lists them."""
