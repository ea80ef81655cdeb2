"""Offer what an operator can do as commands: one module a family, each with `register(app)`."""
