"""Say why somebody who is signed in takes no contacts here."""

from __future__ import annotations

from adapter.errors import Forbidden


class NotAnAgent(Forbidden):
    """The person is signed in, and has no role that takes contacts."""


class AgentUnconfirmed(Forbidden):
    """An admin must still confirm which agent the person is; `agent` is what is proposed."""

    def __init__(self, agent: str | None) -> None:
        named = f"that you are the agent {agent}" if agent else "which agent you are"
        super().__init__(f"your administrator must confirm {named}")
        self.agent = agent
