"""List what sign-in settings and providers say, for the catalogues."""

from __future__ import annotations

from adapter.i18n import N_
from adapter.web import network_sentences, sign_in_sentences
from adapter.web.phrases import Phrases

SENTENCES = (
    N_("it is missing"),
    N_("name the provider's issuer, or Entra's directory id"),
    N_("%(name)s lets any directory of the world in: name those that may sign in"),
    N_("a scope has no spaces, quotes or backslashes"),
    N_("each is a GUID (the directory's tenant id)"),
    N_("whoever can sign in would be an admin"),
    N_("write a date as 2027-05-31"),
    N_("give it again: the stored one is for another issuer or client_id"),
    N_("expected a list of at most %(most)s texts"),
    N_("expected texts"),
    N_("expected a text of at most %(most)s characters"),
    N_("expected at most %(most)s characters"),
    N_("this is no web address"),
    N_("a loopback host needs SCREENPOP_ALLOW_LOOPBACK"),
    N_("an issuer begins with https://"),
    N_("an issuer has no user name, query or fragment"),
    N_("the directory is missing behind the host"),
    N_("a directory (tenant) id is a GUID or a domain"),
    N_("use %(choices)s"),
    N_("this is no time zone of the IANA database"),
    N_("the provider publishes no keys: no sign-in can be checked"),
    N_("no directory may sign in: name those that may (directories)"),
    N_("nobody gets a role by signing in: an admin gives each person one, or set default_role"),
)

PHRASES = Phrases((*SENTENCES, *sign_in_sentences.SENTENCES, *network_sentences.SENTENCES))
