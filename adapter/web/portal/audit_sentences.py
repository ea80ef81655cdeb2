"""List what entries of the audit log say, for the catalogues."""

from __future__ import annotations

from adapter.i18n import N_
from adapter.web.phrases import Phrases

PHRASES = Phrases(
    (
        N_("domains"),
        N_("domains on trial"),
        N_("pop-policy"),
        N_("steps"),
        N_("steps since"),
        N_("preferences"),
        N_("sign-in"),
        N_("tenant created"),
        N_("key %(key)s"),
        N_("key %(key)s created (%(scope)s, %(name)s)"),
        N_("key %(key)s created (%(scope)s)"),
        N_("key %(key)s revoked"),
        N_("alias %(source)s -> %(agent)s"),
        N_("alias %(source)s removed"),
        N_("integration account %(name)s: draft saved"),
        N_("integration account %(name)s: draft saved, secrets changed"),
        N_("integration account %(name)s: applied"),
        N_("integration account %(name)s: draft discarded"),
        N_("integration account %(name)s: removed"),
        N_("integration account %(name)s: renamed to %(new)s"),
        N_("%(count)s dead letters replayed"),
        N_("dead letter %(id)s replayed"),
        N_("dead letter %(id)s dismissed"),
        N_("dead letter %(id)s dismissed: %(why)s"),
        N_("erased %(count)s contact of a %(kind)s"),
        N_("erased %(count)s contacts of a %(kind)s"),
        N_("one-time admin link made"),
        N_("one-time admin links ended: an admin has signed in by the provider"),
        N_("one-time admin links ended: the first admin was revoked"),
        N_("one-time admin links ended: the first admin is admin no more"),
        N_("one-time link refused: the first admin is revoked"),
        N_("one-time link refused: the first admin is admin no more"),
        N_("signed in by a one-time link"),
        N_("signed in to the portal"),
        N_("signed out everywhere"),
        N_("signed out %(name)s everywhere"),
        N_("signed out agent %(name)s everywhere"),
        N_("person %(id)s signed in for the first time (panel)"),
        N_("person %(id)s signed in for the first time (portal)"),
        N_("person %(id)s: roles by the directory"),
        N_("person %(id)s: agent by the directory's user name"),
        N_("person %(id)s (%(name)s)"),
        N_("request %(number)s of %(source)s (%(at)s) shown in full"),
        N_("simulated contact %(id)s sent to %(agent)s"),
        N_("simulated contact %(id)s: %(stage)s"),
        N_("answered"),
        N_("ended"),
        N_("command line (%(user)s)"),
    )
)
