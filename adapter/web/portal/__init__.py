"""Serve the admin's portal: server-rendered pages below `/admin`, which no page may frame.

How to add a page:

1. Write `adapter/web/portal/<name>.py` with its handlers and a list `ROUTES`, and add the module to
   `routes.py` (and, where it shall be in the menu, its link to `templates/portal/layout.html`)::

       async def show(request: Request, who: Principal) -> Response:
           return await pages.render(request, "portal/keys.html", keys=…)

       async def create(request: Request, who: Principal, form: Form) -> Response:
           _ = pages.texts(request)
           if not form.text("name"):
               wrong = [Place("name", _("Give the key a name."))]
               return await pages.render(request, "portal/keys.html", 422, errors=wrong, form=form)
           …
           return pages.redirect(request, "/admin/keys", _("The key is made."))

       ROUTES = [page("/admin/keys", get=show, post=create, role="supervisor")]

   `page` (in `routing.py`) checks who it is before the handler runs: `role` for reading, `changer`
   ("admin" where nothing is said) for the rest. `post` handlers get a `Form` that was proved to
   come from our own page; `fetch=` handlers are POSTs of our own scripts (`portal/fetching.js`).
   An error of `adapter.errors` that a handler raises becomes a page in words, for
   `fetch` a problem.
2. Write `templates/portal/<name>.html`: it extends `portal/layout.html`, imports
   `portal/macros.html` **with context** and fills the blocks `title` and `content`. A form is
   `{% call ui.form("/admin/keys") %} {{ ui.field("name", _("Name")) }} … {% endcall %}`; fields
   find their error in `errors` and what was typed in `form` by themselves. Times, numbers and
   sizes are written by `fmt.time(moment)`, `fmt.number(n)`, `fmt.size(bytes)`, `fmt.ms(n)`.
3. Every text is `_("…")` (`_.many` in Python, `ngettext` in templates, for counts), never in a
   script: scripts find their texts in `data-…` attributes. `scripts/messages portal_people` brings
   that catalogue's ids up to date in both languages; then translate what is empty in Japanese.
   `scripts/messages` lists which files belong to which catalogue.
4. Scripts are plain ES modules in `static/portal/`, named in the block `scripts`
   (`{{ ui.module("portal/keys.js") }}`); every page works without them as far as forms go.
   Styles are in `static/portal/css/`. No inline style, no inline script: the policy forbids both.
5. A form may not be redirected to another site (`form-action 'self'`): end such a POST with a page
   that links there.
"""
