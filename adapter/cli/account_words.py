"""Write an integration account and the test of its connection as lines that a person reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from adapter.connections import AccountView, SideView
    from adapter.dataverse.probe import ConnectionReport


def account_line(view: AccountView) -> str:
    """Say in one line what an account is and whether steps may use it."""
    side = view.applied or view.draft
    assert side is not None  # noqa: S101 - an account has a side
    state = f"failing: {view.failing}" if view.failing else _state(view)
    marks = [mark for mark, on in (("default", side.account.default), ("draft", view.draft)) if on]
    more = f" ({', '.join(marks)})" if marks else ""
    soon = "".join(f"  ! {each.text}" for each in side.expiry_warnings)
    return f"{view.name}{more}  {side.account.environment_url}  {state}{soon}"


def account_lines(view: AccountView) -> list[str]:
    """Show both sides of an account."""
    lines = [f"{view.name}: {_state(view)}"]
    if view.failing:
        lines.append(f"  ! {view.failing}")
        lines.append("  ! Steps go on being sent; what Dynamics refuses becomes a dead letter.")
    if view.applied is not None:
        lines += [f"in force (version {view.applied_version}):", *_side_lines(view.applied)]
    if view.draft is not None:
        lines += [
            f"draft (version {view.version}; `screenpop accounts apply` puts it in force):",
            *_side_lines(view.draft),
        ]
    return lines


def _state(view: AccountView) -> str:
    return "ready" if view.ready else f"not ready: {view.reason}"


def report_lines(report: ConnectionReport) -> list[str]:
    """Say what a test found: the verdict, what to do, who we are there, the permissions."""
    lines = [report.message]
    if report.advice:
        lines.append(f"  do: {report.advice}")
    if report.organisation or report.organisation_id:
        lines.append(f"  organisation: {report.organisation or report.organisation_id}")
        lines.append(f"  user: {report.user or report.user_id}")
    lines += [
        f"  {each.state.replace('_', ' '):11} {each.name} ({each.needed_for})"
        for each in report.permissions
    ]
    return lines


def _side_lines(side: SideView) -> list[str]:
    fields = msgspec.to_builtins(side.account)
    lines = [f"  {name:20}{value}" for name, value in fields.items() if value is not None]
    lines.append(f"  {'api_url':20}{side.api_url}")
    lines.append(f"  {'secrets':20}{', '.join(side.secrets) or 'none'}")
    lines += [f"  ! {each.text}" for each in side.expiry_warnings]
    lines += [f"  ! {each}" for each in side.cautions]
    if side.report is not None:
        lines += [f"  {line}" for line in report_lines(side.report)]
    return lines
