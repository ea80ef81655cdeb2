"""Measure the server's speed beside that of the peers people would otherwise use."""
