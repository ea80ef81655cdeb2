"""`screenpop url`: main.aspx URLs on the command line."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner, Result

from adapter import main_aspx
from adapter.cli import url

ORG = "https://contoso.crm4.dynamics.com"
APP = "00001111-aaaa-2222-bbbb-3333cccc4444"
ID = "91330924-802a-4b0d-a900-34fd9d790829"
BASE = ("--org", ORG, "--appid", APP)


def run(*arguments: str) -> Result:
    app = typer.Typer()
    url.register(app)
    return CliRunner().invoke(app, arguments)


def test_a_record_url_is_printed_from_its_options() -> None:
    done = run(
        *(*BASE, "--etn", "contact", "--id", f"{{{ID.upper()}}}", "--form", APP),
        *("--default", "name=A=B&C", "--default", "lastname=", "--navbar", "off"),
        *("--cmdbar", "false"),
    )
    assert done.exit_code == 0
    assert done.stdout == (
        f"{ORG}/main.aspx?appid={APP}&pagetype=entityrecord&etn=contact&id={ID}"
        f"&extraqs=formid%3D{APP}%26name%3DA%253DB%2526C%26lastname%3D&navbar=off&cmdbar=false\n"
    )


def test_a_view_and_a_search_are_known_by_their_options_alone() -> None:
    view = main_aspx.list_url(ORG, "contact", viewid=ID, viewtype=4230, appid=APP)
    options = (*BASE, "--etn", "contact", "--view", ID, "--viewtype", "4230")
    assert run(*options).stdout == run(*options, "--pagetype", "entitylist").stdout == f"{view}\n"
    search = main_aspx.search_url(ORG, "a b", appname="new_App")
    found = run("--org", ORG, "--appname", "new_App", "--search", "a b")
    assert found.stdout == f"{search}\n"


def test_json_has_the_url_and_what_it_says() -> None:
    said = json.loads(run(*BASE, "--etn", "contact", "--default", "a=1", "--json").stdout)
    assert said["url"] == main_aspx.record_url(ORG, "contact", appid=APP, defaults={"a": "1"})
    assert (said["org"], said["etn"], said["id"], said["defaults"]) == (
        ORG,
        "contact",
        None,
        {"a": "1"},
    )


def test_a_url_is_taken_apart_line_by_line_or_as_json() -> None:
    query = f"pagetype=entityrecord&etn=contact&id=%7B{ID}%7D&extraqs=name%3DA%253DB&cmdbar=false"
    whole = f"{ORG}/main.aspx?{query}&histKey=5"
    assert run("--parse", whole).stdout.splitlines() == [
        f"org\t{ORG}",
        "pagetype\tentityrecord",
        "etn\tcontact",
        f"id\t{ID}",
        "defaults.name\tA=B",
        "cmdbar\tfalse",
        "extra.histKey\t5",
    ]
    said = json.loads(run("--parse", whole, "--json").stdout)
    assert (said["id"], said["defaults"], said["cmdbar"]) == (ID, {"name": "A=B"}, False)


def test_a_url_of_the_demo_can_be_read_and_one_of_another_host_only_by_permission() -> None:
    demo = "http://contoso.localhost:8000"
    assert run("--parse", f"{demo}/main.aspx?etn=contact").stdout.startswith(f"org\t{demo}\n")
    other = "http://crm.example:8000"
    assert run("--parse", f"{other}/main.aspx").exit_code == 2
    assert run("--parse", f"{other}/main.aspx", "--allow-host", other).exit_code == 0
    assert run("--org", demo, "--appid", APP, "--etn", "contact").exit_code == 2
    allowed = run("--org", demo, "--appid", APP, "--etn", "contact", "--allow-host", demo)
    assert allowed.stdout.startswith(f"{demo}/main.aspx?")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--appid", APP, "--etn", "contact"), "--org: is missing"),
        (("--org", "https://evil.example", "--appid", APP, "--etn", "contact"), "--org: "),
        (("--org", ORG, "--etn", "contact"), "--appid: is missing: give appid or appname"),
        (BASE, "--etn: is missing"),
        ((*BASE, "--etn", "contacts"), "--etn: 'contacts' is no logical name"),
        ((*BASE, "--etn", "contact", "--id", ""), "--id: is empty"),
        ((*BASE, "--etn", "contact", "--form", "x"), "--form: 'x' is not a GUID"),
        ((*BASE, "--etn", "contact", "--default", "name"), "--default: 'name' is not COLUMN="),
        ((*BASE, "--etn", "contact", "--default", "to=x"), "--default: to cannot be set"),
        ((*BASE, "--etn", "contact", "--default", "n=a\nb"), "--default: n: has the control"),
        ((*BASE, "--etn", "contact", "--navbar", "x"), "--navbar: 'x' is not on"),
        ((*BASE, "--etn", "contact", "--cmdbar", "x"), "--cmdbar: 'x' is not true"),
        ((*BASE, "--etn", "contact", "--default", f"n={'x' * 2000}"), "the URL: is "),
        ((*BASE, "--etn", "contact", "--pagetype", "form"), "--pagetype: 'form' is not"),
        ((*BASE, "--pagetype", "entitylist", "--etn", "contact"), "--view: is missing"),
        ((*BASE, "--pagetype", "search"), "--search: is missing"),
        ((*BASE, "--search", "x", "--etn", "contact"), "--etn: has no meaning with"),
        ((*BASE, "--etn", "x", "--view", ID, "--id", ID), "--id: has no meaning with"),
        ((*BASE, "--etn", "x", "--view", ID, "--viewtype", "7"), "--viewtype: '7' is"),
        (("--parse", ORG, "--etn", "x"), "--parse: cannot be there with --etn"),
        (("--parse", f"{ORG}/x"), "--parse: '/x' is not /main.aspx"),
        (("--parse", f"{ORG}/main.aspx?id=x"), "--parse: id: 'x' is not a GUID"),
        (("--parse", "\x1b[2J"), "--parse: "),
    ],
)
def test_bad_input_is_one_line_that_names_the_option(
    arguments: tuple[str, ...], message: str
) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"screenpop url: {message}")
    assert "\x1b" not in done.stderr
