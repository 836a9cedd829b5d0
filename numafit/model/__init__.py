"""Frozen, checked values: no I/O, no engine."""
