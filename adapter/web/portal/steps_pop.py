"""Fill the page of the step that opens a record from a pasted Dynamics address."""

from __future__ import annotations

from dataclasses import dataclass

from adapter.dynamics.names import InvalidArgument
from adapter.errors import Place
from adapter.i18n import Texts
from adapter.web.portal import dynamics_phrases, steps_address, steps_forms, steps_trying
from adapter.web.portal.forms import Form
from adapter.web.portal.steps_address import Filled, Note
from adapter.web.portal.steps_drafts import Draft
from adapter.web.portal.steps_progress import Around


@dataclass(frozen=True, slots=True)
class Taken:
    """The form with the query string filled in, what to know of it, and what is wrong."""

    form: Form
    notes: tuple[str, ...] = ()
    errors: tuple[Place, ...] = ()


def taken_apart(form: Form, draft: Draft, number: int, found: Around, texts: Texts) -> Taken:
    """Take the pasted address apart where that button was pressed; else the form stays."""
    _ = texts
    if form.text("then") != "take-apart":
        return Taken(form)
    place = steps_trying.place(found.accounts, form.text("account") or None)
    makers = steps_forms.makers(draft, number)
    try:
        filled = steps_address.query_string(
            form.text("address"),
            created={each: (table.name, table.id_column) for each, table in makers.items()},
            app_id=place.environment.app_id if place.account else None,
            organisation=place.environment.url if place.account else None,
        )
    except InvalidArgument as invalid:
        cause = dynamics_phrases.say(texts, str(invalid))
        told = _("This is no address of a Dynamics page: %(cause)s", cause=cause)
        return Taken(form, errors=(Place("address", told),))
    fields = {**form.fields, "query_string": (filled.query_string,), "enabled": ("1",)}
    return Taken(Form(fields), tuple(_said(note, filled, texts) for note in filled.notes))


def _said(note: Note, filled: Filled, texts: Texts) -> str:
    _ = texts
    match note:
        case "other_app":
            return _(
                "The address is of another app than the account's: {{appid}} would open the "
                "account's."
            )
        case "other_organisation":
            return _(
                "The address is of another organization than the account's: records open in the "
                "account's."
            )
        case "same_record":
            return _(
                "Every contact would open this one record: put an attribute in place of its id."
            )
        case "made_record":
            return _("The record's id was replaced by that of the record which is made.")
        case "left_out":
            names = ", ".join(filled.left_out)
            return _("Left out, because no step can have it: %(names)s", names=names)
