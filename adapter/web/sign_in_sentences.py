"""Say in the reader's language why a sign-in failed; what a provider said stays in its words.

Where a module words a sentence anew it is to be worded anew here; a test compares.
"""

from __future__ import annotations

from adapter.i18n import N_
from adapter.web import fault_sentences, network_sentences
from adapter.web.phrases import Phrases

SENTENCES = (
    # The provider and its document: adapter/signing_in/documents.py, fetching.py, opening.py.
    N_("No sign-in is set up yet: ask your administrator to set it up."),
    N_("The client secret cannot be read: %(why)s."),
    N_("The sign-in provider is not set up right: %(why)s."),
    N_("its document at %(address)s is of the issuer %(one)s, not of %(other)s"),
    N_("it does not know PKCE with S256"),
    N_("it does not know the authorization code flow"),
    N_("its document has no good %(name)s"),
    N_("its %(name)s is on this machine"),
    N_("The sign-in provider cannot be asked: %(why)s."),
    N_("%(address)s answers %(status)s"),
    N_("%(address)s sends more than %(most)s bytes"),
    N_("%(host)s is this machine: SCREENPOP_ALLOW_LOOPBACK allows it"),
    N_("%(address)s is not https"),
    N_("%(host)s is no public host"),
    N_("%(address)s sends no JSON object"),
    N_("its key set has no keys"),
    # What it answered: adapter/signing_in/provider.py, signatures.py.
    N_("The sign-in was cancelled or not allowed (%(told)s)."),
    N_("The provider refuses this server (%(told)s): the client secret may be wrong or over."),
    N_("The provider refused (%(told)s)."),
    N_("The sign-in was refused: %(why)s."),
    N_("The sign-in was refused: %(claim)s: %(why)s."),
    N_("the answer is of another provider"),
    N_("the answer does not say which provider it is of"),
    N_("the answer has no code"),
    N_("the answer holds no ID token"),
    N_("the ID token is too long"),
    N_("the ID token cannot be read"),
    N_("the ID token is signed by %(algorithm)s, which is not taken"),
    N_("the ID token's signature is not its provider's"),
    # Its claims: adapter/identity/claims.py, tokens.py.
    N_("it is for another application"),
    N_("it was given to another application"),
    N_("it is from another issuer"),
    N_("it answers another request"),
    N_("it does not say when it ends"),
    N_("it has expired"),
    N_("it does not say from when on it is valid"),
    N_("it is not valid yet"),
    N_("it does not say when it was issued"),
    N_("it was issued in the future: compare the clocks"),
    N_("it does not say who signed in"),
    N_(
        "Your account is of a directory that may not sign in here: use your work account, or "
        "ask your administrator."
    ),
    # Who came: adapter/arrivals.py, adapter/web/sign_in_windows.py.
    N_("An administrator has blocked your account here."),
    N_("The code was typed wrong too often."),
)

PHRASES = Phrases((*SENTENCES, *network_sentences.SENTENCES, *fault_sentences.SENTENCES))
