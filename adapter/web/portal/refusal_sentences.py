"""Say in the reader's language what doors, stores and registries refuse on a page of the portal.

They know no language and raise `adapter.errors` in English, as programs read them. Where a module
words a sentence anew it is to be worded anew here; a test compares.
"""

from __future__ import annotations

from adapter.i18n import N_
from adapter.web import fault_sentences, network_sentences, sign_in_sentences
from adapter.web.phrases import Phrases
from adapter.web.portal import domain_sentences, dynamics_sentences, settings_sentences

SENTENCES = (
    # What is not there (any more): adapter/people.py, stories.py, adapter/store, adapter/web.
    N_("there is no person %(name)s"),
    N_("there is no contact %(name)s"),
    N_("there is no key %(name)s"),
    N_("there is no key %(name)s in force"),
    N_("there is no alias %(name)s"),
    N_("there is no tenant %(name)s"),
    N_("there is no dead letter %(name)s"),
    N_("there is no draft"),
    N_("there is no integration account %(name)s (there is %(names)s)"),
    N_("none yet"),
    N_("the account %(name)s has no %(side)s settings"),
    N_("draft"),
    N_("applied"),
    # What is another by now: adapter/store/accounts.py, settings.py, adapter/connections.
    N_("%(name)s is at version %(one)s, not %(other)s: read it again"),
    N_("the account %(name)s is at version %(one)s, not %(other)s: read it again"),
    N_("the account %(name)s has changed meanwhile: read it again"),
    N_("the account %(name)s has changed meanwhile: save it again"),
    N_("the account %(name)s was made by somebody else: read it again"),
    N_("the account %(name)s has no draft to apply"),
    N_("the account %(name)s has no draft"),
    N_("the account %(name)s is but a draft: remove it instead"),
    N_("the account is being changed"),
    N_("no consent waits for this code: it was used, is too old, or another's"),
    N_(
        "this account acts as an application and needs no refresh token; set its access to "
        "delegated first"
    ),
    N_("the stored secret cannot be read"),
    # What an agent may be called: adapter/saving.py, adapter/people.py.
    N_("an agent needs no alias of the same name"),
    N_("expected an id of %(least)s to %(most)s characters"),
    N_("name one"),
    N_("role %(name)s: use %(names)s"),
    # Queries that somebody made by hand: adapter/web/portal/contact_search.py.
    N_("at most %(most)s characters"),
    N_("there is no stage %(name)s"),
)

PHRASES = Phrases(
    (
        *SENTENCES,
        *fault_sentences.SENTENCES,
        *network_sentences.SENTENCES,
        *sign_in_sentences.SENTENCES,
        *domain_sentences.SENTENCES,
        *dynamics_sentences.SENTENCES,
        *settings_sentences.SENTENCES,
    )
)
