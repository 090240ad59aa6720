"""Benchmarks: what is claimed about speed, and the peers beside it."""
