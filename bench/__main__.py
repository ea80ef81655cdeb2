"""Run the bench: `python -m bench [--quick] [--only NAME,…] [--measures NAME,…]`."""

from __future__ import annotations

import argparse
import dataclasses
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import playwright.sync_api

from bench import (
    browser,
    hardships,
    install,
    lock,
    machine,
    measures,
    neighbours,
    noise,
    places,
    readme,
    report,
    single,
    turns,
)
from bench.contenders import CONTENDERS, REFERENCE, Contender
from bench.load import Figures
from bench.report import Results
from bench.rounds import EXTRAS, FULL, MEASURES, QUICK, Plan
from bench.summary import Round

EXPECTED = (RuntimeError, OSError, subprocess.SubprocessError, playwright.sync_api.Error)
"""What a contender that does not do its part raises; the others are measured all the same."""


def main() -> None:
    """Measure, print the page, write it down."""
    options = _options()
    places.prepare()
    if options.lock:
        lock.requirements()
        return
    if options.readme:
        readme.update()
        return
    single.begin(places.WORK)
    plan = _plan(options)
    _warn(noise.before())
    chosen = _installed(_chosen(options.only, extras=options.extras))
    at = datetime.now(UTC)
    rounds = [_round(chosen, plan, number) for number in range(plan.rounds)]
    extras = _extras([each for each in chosen if each.ours], plan) | _by_turns(chosen, plan)
    about = {"machine": machine.describe(), "versions": machine.versions()}
    names = [each.name for each in chosen]
    results = Results(at, plan, names, rounds, extras, about)
    text = report.page(results)
    whole = plan in (QUICK, FULL) and not options.only
    path = report.save(results, text, plan if whole else None)
    print(text)
    print(f"written to {path}", file=sys.stderr)
    print(f"bench: {noise.sentence(report.noise_of(results))}", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 panels, one round")
    parser.add_argument("--only", default="", help="contenders, comma-separated")
    parser.add_argument(
        "--measures",
        default="",
        help=f"these alone, comma-separated, with the panels of --quick: {', '.join(MEASURES)}",
    )
    parser.add_argument(
        "--extras", action="store_true", help="also TLS, pushing early, neighbours, the browser"
    )
    parser.add_argument("--panels", type=int, help="how many panels")
    parser.add_argument("--rounds", type=int, help="how many rounds")
    parser.add_argument("--lock", action="store_true", help="pin the Python peers anew")
    parser.add_argument(
        "--readme", action="store_true", help="write the newest whole result into README.md"
    )
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    base = QUICK if options.quick or options.measures else FULL
    wanted = tuple(options.measures.split(",")) if options.measures else base.measures
    unknown = [name for name in wanted if name not in MEASURES]
    if unknown:
        sys.exit(f"bench: no measure {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    return dataclasses.replace(
        base,
        panels=options.panels or base.panels,
        rounds=options.rounds or base.rounds,
        # Some measures alone are for daily use: soon there, and its noise is told.
        retries=0 if options.measures else base.retries,
        measures=(*wanted, *(x for x in EXTRAS if options.extras and x not in wanted)),
    )


def _warn(used: float) -> None:
    """Say before the run what it will be worth."""
    if noise.worth([used]) != "quiet":
        said = f"other processes use {used:.1f} cores now; expect {noise.worth([used])} figures"
        print(f"bench: {said}", file=sys.stderr)


def _chosen(only: str, *, extras: bool) -> list[Contender]:
    names = only.split(",") if only else [each.name for each in CONTENDERS if not each.extra]
    names += [each.name for each in CONTENDERS if extras and each.extra]
    known = {each.name: each for each in CONTENDERS}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"bench: no contender {', '.join(unknown)}; there are {', '.join(known)}")
    names += [known[name].against for name in names]
    if REFERENCE not in names:
        names.append(REFERENCE)
    return [each for each in CONTENDERS if each.name in names]


def _installed(contenders: Sequence[Contender]) -> list[Contender]:
    install.generator()
    ready = []
    for each in contenders:
        try:
            each.install()
        except install.Unavailable as error:
            print(f"bench: without {each.name}: {error}", file=sys.stderr)
        else:
            ready.append(each)
    return ready


def _round(contenders: Sequence[Contender], plan: Plan, number: int) -> Round:
    """Measure each once in shuffled order, the reference twice."""
    order = [*contenders, *(each for each in contenders if each.name == REFERENCE)]
    random.shuffle(order)
    result: Round = {}
    for each in order:
        figures = _take(f"round {number + 1}: {each.name}", measures.everything, each, plan)
        if figures and plan.wants("idle") and number == 0:
            figures |= _take(f"idle: {each.name}", measures.idle, each, plan)
        result.setdefault(each.name, []).append(figures)
    return result


def _extras(ours: Sequence[Contender], plan: Plan) -> Figures:
    extras: Figures = {}
    if plan.wants("storm"):
        extras["storm"] = {
            each.name: figures
            for each in ours
            if (figures := _take(f"kill -9: {each.name}", hardships.storm, each, plan))
        }
    if not ours:
        return extras
    if plan.wants("rules"):
        extras["rules"] = {
            str(count): figures
            for count in (10, 10_000)
            if (figures := _take(f"{count} rules", hardships.rules, ours[0], plan, count))
        }
    if plan.wants("neighbours"):
        extras["isolation"] = _take("bad neighbours", neighbours.isolation, ours[0], plan)
    if plan.wants("dynamics"):
        extras["dynamics"] = _take("slow Dynamics", neighbours.slow_dynamics, ours[0], plan)
    if plan.wants("browser"):
        extras["browser"] = _take("browser", browser.panel, ours[0], plan)
    return extras


def _by_turns(chosen: Sequence[Contender], plan: Plan) -> Figures:
    """Compare ours with the reference, but for those that are compared with somebody else."""
    mine = [each for each in chosen if each.ours and each.against == REFERENCE]
    reference = [each for each in chosen if each.name == REFERENCE]
    if not plan.wants("turns") or not mine or not reference:
        return {}
    found = _take("by turns", turns.take, [*reference, *mine], plan)
    return {"turns": found} if found else {}


def _take(what: str, measure: Callable[..., Figures], *arguments: Any) -> Figures:
    started = time.monotonic()
    try:
        figures = measure(*arguments)
    except EXPECTED as error:
        print(f"bench: {what} failed: {error}", file=sys.stderr)
        return {}
    print(f"bench: {what} ({time.monotonic() - started:.0f} s)", file=sys.stderr)
    return figures


if __name__ == "__main__":
    main()
