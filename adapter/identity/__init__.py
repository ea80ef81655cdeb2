"""Decide who a person is and what they may do: claims, roles, proposed links. Pure."""
