"""List what any page may meet, whoever asks: hosts, forms and the database, for the catalogues.

Where a module words a sentence anew it is to be worded anew here; a test compares.
"""

from __future__ import annotations

from adapter.i18n import N_

SENTENCES = (
    # Hosts, forms, bodies and queries: adapter/web/requests.py, callback_answers.py,
    # portal/forms.py, adapter/telephony/json_limits.py.
    N_("this host name is no tenant of this server"),
    N_("this form must come from our own page"),
    N_("this form must come from our own page: open it again and send it there"),
    N_("this form must be sent by a page of ours"),
    N_("this form is of another session: open the page again and send it there"),
    N_("this browser does not say which page sent the form; use a newer one"),
    N_("this request must come from the adapter's own page"),
    N_("the X-Screenpop header is missing"),
    N_("this address takes a form_post only"),
    N_("a form is sent as application/x-www-form-urlencoded"),
    N_("expected a form (application/x-www-form-urlencoded)"),
    N_("the form cannot be read: %(why)s"),
    N_("the form came without %(names)s: open the page again"),
    N_("the form is not UTF-8"),
    N_("the form has more than %(most)s fields"),
    N_("the body has more than %(most)s bytes"),
    N_("the body must be a JSON object"),
    N_("The body is not JSON: %(why)s"),
    N_("The event is not JSON: %(why)s"),
    N_("it is empty"),
    N_("it ends too early (byte %(place)s)"),
    N_("it is not UTF-8 (byte %(place)s)"),
    N_("it is nested too deeply"),
    N_("%(text)s is half a character (byte %(place)s)"),
    N_("invalid character (byte %(place)s)"),
    N_("trailing characters (byte %(place)s)"),
    N_("expected a number of at most 1.8e308"),
    N_("%(name)s is given twice"),
    # Who asks: adapter/registry.py, credentials.py, adapter/web/panel_sessions.py.
    N_("a service key is needed (Authorization: Bearer …)"),
    N_("the service key is wrong or revoked"),
    N_("this key has scope %(one)s; %(other)s is needed"),
    N_("sign in first"),
    N_("sign in first, or again: the session may be over"),
    # What an agent may be called: adapter/agent_ids.py.
    N_("* means every agent: name one"),
    N_("may not hold U+%(code)s, which turns the direction of text"),
    # Too much: adapter/services.py, rate_limit.py, tickets.py, room.py, shares.py, parts.py,
    # bodies.py.
    N_("too many sign-ins at once"),
    N_("too many reports of blocked frames"),
    N_("too many feed tickets are waiting"),
    N_("too many events are waiting for the journal"),
    N_("this key sends too many events"),
    N_("too many events of this key are waiting"),
    N_("too many requests of this key are waiting for their turn"),
    N_("too many large bodies are under way"),
    # The database: adapter/store/database.py, failures.py, turns.py, adapter/journal_troubles.py.
    N_("the database is locked by another program"),
    N_("the disk is full: free space for the database"),
    N_("%(file)s is corrupt: stop the server and restore a backup"),
    N_("%(file)s is read-only"),
    N_("%(file)s cannot be opened"),
    N_("the database file"),
    N_("the database file %(file)s"),
    N_("the disk reports an input/output error"),
    N_("the disk cannot keep what was written: %(why)s"),
    N_("the database refused: %(why)s"),
    N_("the database file %(file)s was moved or deleted"),
    N_("%(why)s; restart the server"),
    N_("another process has held %(what)s for %(count)s s"),
    N_("no lock file beside %(file)s: %(why)s"),
    N_("another server is using the database %(file)s"),
    N_("%(what)s was encrypted with a key that is not in SCREENPOP_SECRET_KEY"),
    N_("%(what)s was changed or moved: it cannot be decrypted"),
)
