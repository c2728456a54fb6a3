"""Importers of scanner reports, one module per format; `scenarios.importers.registry` lists them."""
