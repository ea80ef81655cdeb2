"""Say which parameter of an address the simulated Dynamics refuses, and why."""

from __future__ import annotations


class Refused(Exception):
    """The address is bad; `status` is 400, or 404 for something that is not there.

    `column` is the name inside `extraqs`, where the fault is there.
    """

    def __init__(self, parameter: str, detail: str, status: int = 400, column: str = "") -> None:
        super().__init__(detail)
        self.parameter = parameter
        self.detail = detail
        self.status = status
        self.column = column
