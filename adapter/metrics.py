"""Count what an operator wants to see (Prometheus); names are the contract of docs/reference."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Tally(Collector):
    """A counter for the hot path: counting is an addition, and scraping does the rest.

    The library's own takes a lock and a call for each count, which is as much as an event's frame.
    """

    def __init__(self, name: str, what: str, labels: dict[str, str] | None = None) -> None:
        self.name = name
        self.what = what
        self.labels = labels or {}
        self.count = 0

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give the count to Prometheus."""
        family = CounterMetricFamily(self.name, self.what, labels=list(self.labels))
        family.add_metric(list(self.labels.values()), self.count)
        yield family


class Timing(Collector):
    """A histogram of seconds for the hot path, as `Tally` is a counter."""

    def __init__(self, name: str, what: str) -> None:
        self.name = name
        self.what = what
        self._counts = [0] * (len(_SECONDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(_SECONDS, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Give the counts to Prometheus, each bucket with all below it."""
        bounds = [*(str(float(bound)) for bound in _SECONDS), "+Inf"]
        yield HistogramMetricFamily(
            self.name,
            self.what,
            buckets=list(zip(bounds, accumulate(self._counts), strict=True)),
            sum_value=self._sum,
        )


class _Family(Collector):
    """Tallies of one name that differ by a label."""

    def __init__(self, tallies: list[Tally]) -> None:
        self._tallies = tallies

    def collect(self) -> Iterator[CounterMetricFamily]:
        first = self._tallies[0]
        family = CounterMetricFamily(first.name, first.what, labels=list(first.labels))
        for tally in self._tallies:
            family.add_metric(list(tally.labels.values()), tally.count)
        yield family


RESULTS = ("accepted", "duplicate", "ignored", "rejected", "failed")


class Metrics:
    """All metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = {
            result: Tally(
                "screenpop_events",
                "Events that came in, by result (accepted, duplicate, ignored, rejected, failed)",
                {"result": result},
            )
            for result in RESULTS
        }
        self.registry.register(_Family(list(self.events.values())))
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
        self.messages = Tally("screenpop_messages_sent", "Messages written to sockets")
        self.registry.register(self.messages)
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
        self.turn_queue = Gauge(
            "screenpop_turn_queue", "Requests waiting for their key's turn", registry=self.registry
        )
        self.body_bytes = Gauge(
            "screenpop_body_bytes", "Bytes of large bodies under way", registry=self.registry
        )
        self.commits = Tally("screenpop_commits", "Journal commits")
        self.registry.register(self.commits)
        self.commit_seconds = Timing("screenpop_commit_seconds", "Time of one group commit")
        self.registry.register(self.commit_seconds)
        self.store_failures = Counter(
            "screenpop_store_failures",
            "Commits that the database or the redo log refused",
            registry=self.registry,
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
