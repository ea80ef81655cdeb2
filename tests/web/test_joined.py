"""Modules and style sheets that are joined do what they did apart, or are not joined."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from adapter.web import joined

MODULES = {
    "p/main.js": """import { Bell } from "./bell.js";
import {
  ring as sound,
  LOUD,
} from "./sound.js";
import { $last } from "./sound.js";

const bell = new Bell();
await Promise.resolve();
console.log(bell.ring(), sound(LOUD), $last, await (await import("node:os")).EOL.length);
""",
    "p/bell.js": """import { ring } from "./sound.js";
const LOUD = 1; // not the other module's
export class Bell {
  ring() {
    return ring(LOUD);
  }
}
""",
    "p/sound.js": """let rung = 0;
export const LOUD = 7;
export const $last = "last";
export function ring(volume) {
  rung += 1;
  return `${rung}:${volume}`;
}
export async function later() {}
""",
    "p/unused.js": "throw new Error('nobody imports this');\n",
}


def test_joined_modules_run_as_they_did_apart(tmp_path: Path) -> None:
    for path, text in MODULES.items():
        (tmp_path / Path(path).name).write_text(text)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "joined.js").write_text(joined.modules(MODULES, "p/main.js"))
    said = [
        subprocess.run(
            ["node", tmp_path / name],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in ("main.js", "joined.js")
    ]
    assert said == ["1:1 2:7 last 1\n"] * 2


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('import all from "./a.js";', "cannot join 'import all"),
        ('import * as all from "./a.js";', r"cannot join 'import \* as"),
        ('import "./a.js";', 'cannot join \'import "./a.js"'),
        ('import { a } from "far/a.js";', "cannot join"),
        ("export default 1;", "cannot join 'export default"),
        ("export { a };", "cannot join 'export {"),
        ('export * from "./a.js";', r"cannot join 'export \*"),
        ("export let a = 1;", "cannot join 'export let"),
        ('import { a } from "./none.js";', r"m.js imports none.js, which is not there"),
        ('import { a } from "./ring.js";', "a ring of imports: m.js > ring.js > m.js"),
    ],
)
def test_a_form_that_cannot_be_joined_is_refused(line: str, fault: str) -> None:
    sources = {
        "m.js": f"{line}\n",
        "a.js": "export const a = 1;\n",
        "ring.js": 'import { m } from "./m.js";\nexport const a = m;\n',
    }
    with pytest.raises(ValueError, match=fault):
        joined.modules(sources, "m.js")


def test_sheets_keep_their_order_and_name_no_other_file() -> None:
    sources = {"b.css": "b {}\n", "a.css": "a {}", "c.css": "c { background: url(x.png) }"}
    assert joined.sheets(sources, ("a.css", "b.css")) == "a {}\nb {}\n"
    with pytest.raises(ValueError, match=r"c\.css: a joined style sheet may name no other file"):
        joined.sheets(sources, ("c.css",))
