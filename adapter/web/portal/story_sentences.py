"""List the English sentences of a contact's story that an admin reads in the portal.

The story is kept in English, for programs and other admins. Where a module words a line anew it is
to be worded anew here; until then it stays English in every language. `%(name)s` stands for
anything; what stands there is looked up here as well.
"""

from __future__ import annotations

from collections.abc import Callable

_: Callable[[str], str] = str
"""Marks a text for the catalogue; `story_phrases` translates it."""

SENTENCES: tuple[str, ...] = (
    # Events: adapter/stories.py, adapter/store/journal/story.py.
    _("%(stage)s (%(event)s)"),
    _("created"),
    _("offered"),
    _("made"),
    _("answered"),
    _("transferred"),
    _("ended"),
    _("recorded"),
    _("transcribed"),
    _("updated"),
    # Why something popped or did not: adapter/pops, adapter/pipeline.py, adapter/lifecycle.py.
    _("%(stage)s at %(agent)s: %(reason)s"),
    _("%(reason)s (pop %(id)s)"),
    _("%(reason)s (popped before)"),
    _("asked for at %(agent)s: %(reason)s"),
    _("asked for by a program (POST /v1/pops)"),
    _("%(stage)s: attribute %(name)s names a record of %(table)s"),
    _("no pop policy is set"),
    _("no agent has the contact"),
    _("the contact has ended"),
    _("it has already popped to this agent"),
    _("it has already popped to this agent (%(stages)s)"),
    _("%(one)s and %(other)s"),
    _("the stage is not known, and the policy has only %(listed)s"),
    _("the channel is not known, and the policy has only %(listed)s"),
    _("the direction is not known, and the policy has only %(listed)s"),
    _("stage %(stage)s is not in the policy"),
    _("channel %(channel)s is not in the policy"),
    _("direction %(direction)s is not in the policy"),
    _("attribute %(name)s is missing"),
    _("attribute %(name)s is empty"),
    _("attribute %(name)s is there in several spellings with different values"),
    _("attribute %(name)s is not a record id (GUID)"),
    _("no step opens a record at this stage"),
    _("the integration account may not be used yet"),
    _("nothing to open"),
    _("step %(number)s opens %(table)s"),
    _("a page"),
    # What became of a pop: adapter/pop_claims.py, and the panel's own words.
    _("pop %(id)s opened"),
    _("pop %(id)s blocked"),
    _("pop %(id)s failed"),
    _("pop %(id)s dismissed"),
    _("pop %(id)s unknown"),
    _("pop %(id)s opened: %(where)s"),
    _("pop %(id)s blocked: %(where)s"),
    _("pop %(id)s failed: %(where)s"),
    _("pop %(id)s dismissed: %(where)s"),
    _("pop %(id)s unknown: %(where)s"),
    _("host"),
    _("embedded"),
    _("tab"),
    _("link"),
    _("host %(detail)s"),
    _("embedded %(detail)s"),
    _("tab %(detail)s"),
    _("link %(detail)s"),
    _("The tab for records is not open."),
    _("The tab for records was closed, or went where the panel cannot reach it."),
    _("The browser opens no tabs from here."),
    _("pop %(id)s: the contact went to another agent"),
    _("pop %(id)s: the contact left the agent"),
    _("pop %(id)s: the contact was erased"),
    # Files of a contact: adapter/recordings.py, adapter/web/recordings.py.
    _("recording"),
    _("transcript"),
    _("analysis"),
    _("%(kind)s (redacted)"),
    _("%(who)s: recording"),
    _("%(who)s: transcript"),
    _("%(who)s: analysis"),
    _("%(who)s: %(kind)s (redacted)"),
    _("%(who)s: %(file)s, which was not theirs"),
    _("%(kind)s in the bucket %(bucket)s, which no integration account names"),
    # Steps that do not run: adapter/lifecycle.py.
    _("(see to the account: once steps run, the contact's next event makes up for this)"),
    # Steps: adapter/outbox.py, exchanges.py, fitting.py, adapter/store/dead_letters.py.
    _("step %(number)s"),
    _("done in %(time)s ms"),
    _("(tried again in %(time)s s)"),
    _("the row is completed; kept as a note on it"),
    _("a fault of the adapter (%(name)s); its log says more"),
    _("tried again by an administrator"),
    _("given up by an administrator"),
    _("given up by an administrator: %(reason)s"),
    _("acted as %(agent)s"),
    _("not as %(agent)s but as the account: %(why)s"),
    _("the account sees no user with this name, e-mail or id"),
    _("the owner stays, as not exactly one user has the agent's id as user name or e-mail"),
    _("an earlier try had made the row, which was read back"),
    _("an earlier try had completed the row"),
    _("that user has no access to the environment"),
    _("the account's user lacks %(privilege)s"),
    _("%(column)s had %(long)s characters and was shortened to %(limit)s"),
    # The way to Dynamics: adapter/dataverse/client.py, limiter.py, errors.py, transport.py.
    _("another request has been trying the account for %(time)s s"),
    _("all %(count)s connections were busy for %(time)s s"),
    _("Dynamics asked for silence for another %(time)s s"),
    _("%(host)s did not answer in time; it may have done the work"),
    _("%(host)s broke the connection; it may have done the work"),
    _("HTTP %(status)s without an explanation"),
    _("HTTP %(status)s from something that is no Dataverse"),
    _("the account's settings were replaced meanwhile"),
    _("the answer is no JSON"),
    # Of another step, on a dead letter: adapter/outbox.py.
    _("step %(number)s failed. Replay step %(same)s's dead letter: this one goes with it."),
)
