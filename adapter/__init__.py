"""Screenpop: the agent-side screen-pop adapter host."""

__version__ = "0.1.0"
