"""List what the checks (`adapter.checkups`) say, for the catalogues."""

from __future__ import annotations

from adapter.i18n import N_
from adapter.web.phrases import Phrases
from adapter.web.portal.dynamics_sentences import SENTENCES

_CHECKS = (
    N_("settings"),
    N_("database"),
    N_("disk"),
    N_("clock"),
    N_("secret key"),
    N_("domains"),
    N_("pop policy"),
    N_("keys"),
    N_("steps"),
    N_("recordings"),
    N_("dead letters"),
    N_("account %(name)s"),
)

_MACHINE = (
    N_("no such setting: %(names)s"),
    N_("see `screenpop settings`"),
    N_("SCREENPOP_BUS is not supported by this version"),
    N_("unset it"),
    N_("it listens on %(host)s, and SCREENPOP_PUBLIC_URL is not set"),
    N_("set it to the address that browsers use, as https://screenpop.example"),
    N_("from the environment"),
    N_("from %(file)s"),
    N_("%(file)s, %(size)s, up to date, takes writes"),
    N_("%(file)s, %(size)s, up to date, takes writes; others can read it"),
    N_(
        "%(file)s, %(size)s, up to date, takes writes; it has another name (a hard link), and what"
        " opens it by that does not see its logs"
    ),
    N_("remove that name; copy it by a backup"),
    N_("%(free)s free, write-ahead log %(log)s"),
    N_("free space now: without it no event can be acknowledged"),
    N_("free space, or keep less: SCREENPOP_RETENTION_DAYS"),
    N_("end programs that hold the database open for long, then restart"),
    N_("it says %(time)s, but an event was stored at %(other)s"),
    N_("it says %(time)s"),
    N_("set the clock (timedatectl): tickets, signatures and sessions depend on it"),
    N_("from SCREENPOP_SECRET_KEY: keep a copy of it"),
    N_("none yet: the first secret makes it"),
    N_("others can read %(file)s"),
    N_("it is the file %(file)s"),
    N_("keep a copy elsewhere, or move its text to SCREENPOP_SECRET_KEY"),
    N_("it does not open %(count)s stored secrets (%(names)s)"),
    N_("bring back the key that they were made with, or make keys and enter secrets anew"),
)

_TENANT = (
    N_("the rules cannot be read, so nobody may show the panel: %(why)s"),
    N_("no rules: no page may show the panel"),
    N_("%(count)s rules, a header of %(size)s bytes"),
    N_("the header is unsafe, so nobody may show the panel: %(what)s"),
    N_("%(what)s: more than the %(limit)s that proxies carry"),
    N_("%(what)s; %(limit)s is the limit"),
    N_("%(what)s; may not be meant: line %(lines)s"),
    N_("it cannot be read, so nothing pops: %(why)s"),
    N_("none: a lifecycle step opens the record"),
    N_("none: calls are shown, but nothing pops"),
    N_("%(table)s in %(organisation)s, target %(target)s"),
    N_("%(count)s admin"),
    N_("%(count)s feed"),
    N_("%(count)s ingest"),
    N_("%(count)s signing"),
    N_("no ingest key: no source can send events"),
    N_("no feed key: no panel can be given a ticket"),
    N_("it is a draft and was never applied"),
    N_("%(where)s, tested %(time)s"),
    N_("they cannot be read, so none runs: %(why)s"),
    N_("1 step"),
    N_("1 step; %(numbers)s switched off"),
    N_("%(count)s steps"),
    N_("%(count)s steps; %(numbers)s switched off"),
    N_("their links are written into Dynamics as %(address)s, which opens on this machine alone"),
    N_("set SCREENPOP_PUBLIC_URL to the address that browsers use"),
    N_("%(count)s, the latest: %(cause)s"),
)

PHRASES = Phrases((*_CHECKS, *_MACHINE, *_TENANT, *SENTENCES))
"""What a check found may quote what accounts and steps say."""
