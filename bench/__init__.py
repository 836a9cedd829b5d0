"""Benchmarks: one file a question; README.md says how to read the figures."""
