"""An independent oracle: where a guest lands on a host, by brute force in plain Python.

Written from nova's documentation, from nova 34's behaviour (its source read, its answers
recorded), from docs/nova-differences.md and from the docstrings of numafit's public API, by
somebody who had not looked at the engine, its binding or the columns. docs/testing.md says what it
covers and what it leaves out.
"""
