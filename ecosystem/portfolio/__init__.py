"""Forecasts and portfolios of the investor, walked forward through market data."""
