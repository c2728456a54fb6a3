"""The world's rules, compiled: arrays in, arrays out."""
