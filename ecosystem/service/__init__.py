"""Recommenders: modules that propose plans, in process or over HTTP."""
