"""Count what an operator wants to see (Prometheus); names are the contract of docs/reference."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """All metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = Counter(
            "screenpop_events",
            "Events that came in, by result (accepted, duplicate, ignored, rejected, failed)",
            ["result"],
            registry=self.registry,
        )
        self.requests_refused = Counter(
            "screenpop_requests_refused",
            "Requests of sources that were refused, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.pops = Counter(
            "screenpop_pops", "Pops by outcome", ["outcome"], registry=self.registry
        )
        self.pops_made = Counter("screenpop_pops_made", "Pops decided", registry=self.registry)
        self.pop_seconds = Histogram(
            "screenpop_event_to_opened_seconds",
            "Time from the receipt of the event to the panel's report that the record is open",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.messages = Counter(
            "screenpop_messages_sent", "Messages written to sockets", registry=self.registry
        )
        self.feeds = Gauge(
            "screenpop_feeds", "Open feeds by kind", ["kind"], registry=self.registry
        )
        self.feeds_closed = Counter(
            "screenpop_feeds_closed",
            "Feeds closed by us, by code",
            ["code"],
            registry=self.registry,
        )
        self.queue = Gauge(
            "screenpop_journal_queue", "Events waiting for the journal", registry=self.registry
        )
        self.commits = Counter("screenpop_commits", "Journal commits", registry=self.registry)
        self.commit_seconds = Histogram(
            "screenpop_commit_seconds",
            "Time of one group commit",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.store_failures = Counter(
            "screenpop_store_failures", "Commits that the database refused", registry=self.registry
        )
        self.steps = Counter(
            "screenpop_steps",
            "Requests to Dynamics by result (done, retried, failed)",
            ["result"],
            registry=self.registry,
        )
        self.secret_days = Gauge(
            "screenpop_secret_days",
            "Days until a secret or certificate of an integration account ends",
            ["tenant", "account", "what"],
            registry=self.registry,
        )
        self.accounts_failing = Gauge(
            "screenpop_accounts_failing",
            "1 where the last test of an integration account in force failed",
            ["tenant", "account"],
            registry=self.registry,
        )
        self.refusals = Counter(
            "screenpop_embedders_refused", "Framed loads refused by rule", registry=self.registry
        )
        self.alarms = Counter(
            "screenpop_alarms",
            "Things that must never happen and did",
            ["what"],
            registry=self.registry,
        )

    def render(self) -> bytes:
        """Give the text format."""
        return generate_latest(self.registry)
