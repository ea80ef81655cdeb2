"""List the English sentences of accounts, steps and Dynamics that an admin reads in the portal.

Where such a module words a sentence anew it is to be worded anew here; until then it stays English
in every language. `%(name)s` stands for anything; what stands there is looked up here as well.
"""

from __future__ import annotations

from collections.abc import Callable

from adapter.web import network_sentences

_: Callable[[str], str] = str
"""Marks a text for the catalogue; `dynamics_phrases` translates it."""

SENTENCES: tuple[str, ...] = (
    *network_sentences.SENTENCES,
    # Sign-in and connection: adapter/dataverse/causes.py, probe.py, errors.py.
    _("Connection is valid."),
    _("There is no such directory."),
    _(
        "Copy the directory (tenant) ID from the application's Overview page in the Azure "
        "portal; for a national cloud use that cloud's endpoints."
    ),
    _("The directory does not know this application."),
    _(
        "Compare the client ID and the directory (tenant) ID with the application's Overview "
        "page: one of them is another application's or another directory's."
    ),
    _("The directory does not know this environment."),
    _("Check the API URL: the environment may belong to another directory, or its name is wrong."),
    _("The scope is not one that Dynamics knows."),
    _("Leave the scope empty, or use <environment>/.default."),
    _("There is neither a client secret nor a certificate."),
    _("Enter the secret's Value from Certificates & secrets, or a certificate with its key."),
    _("The client secret is wrong."),
    _(
        "Enter the secret's Value; often the Secret ID beside it was pasted. The value is "
        "shown only once: create a new secret if it is lost."
    ),
    _("The client secret has expired."),
    _(
        "Create a new one in Azure portal > App registrations > Certificates & secrets, "
        "enter its Value and expiry date here and apply."
    ),
    _("The certificate is not registered at the application, or it has expired."),
    _("Upload it in Azure portal > App registrations > Certificates & secrets > Certificates."),
    _("This server's clock differs from Microsoft's."),
    _("Set the clock of this server (NTP)."),
    _("Consent is missing: nobody has allowed this application to use Dynamics."),
    _(
        "Azure portal > App registrations > API permissions: add Dynamics CRM > "
        "user_impersonation and grant admin consent, or press Request token and consent for "
        "the organisation."
    ),
    _("The consent window was declined."),
    _("Press Request token again and accept."),
    _("Nobody has consented yet, so there is no refresh token."),
    _("Press Request token and sign in."),
    _("The refresh token has expired or was revoked."),
    _("Press Request token and sign in again."),
    _("The directory asks the person to sign in again (multi-factor or conditional access)."),
    _("Press Request token and sign in; or act as an application, which is not asked."),
    _("Conditional access keeps this application out."),
    _(
        "Microsoft Entra admin center > Conditional Access: find the policy for workload "
        "identities, and let this application in from this server's address."
    ),
    _("Microsoft's sign-in refused."),
    _("This person is not assigned to the application."),
    _(
        "Azure portal > Enterprise applications > the application > Users and groups: add "
        "the person."
    ),
    _("The directory lives in another cloud."),
    _("Paste the endpoints that the portal of that cloud shows."),
    _("The ID token is not the one we asked for."),
    _("Request the token again; if it happens again, tell whoever runs this server."),
    _("Microsoft's sign-in did not answer."),
    _("It is tried again by itself; check the firewall and Microsoft's service health."),
    _("Compare the account's fields with the application's page in the Azure portal."),
    _("The user %(user)s lacks %(what)s."),
    _("The user has no security role."),
    _("The user has no security role: %(privilege)s is missing."),
    _("The user may not do this."),
    _("The user may not do this: %(privilege)s is missing."),
    _(
        "Power Platform admin center > Environments > the environment > Settings > Users + "
        "permissions > Users (of an application: Application users): give this user a security "
        "role that has these privileges."
    ),
    _("%(url)s knows no WhoAmI: %(cause)s"),
    _("The sign-in worked, but it is no user of this environment. (%(detail)s)"),
    _("The API URL leads to another environment, or to none. (%(detail)s)"),
    _("The environment cannot be reached. (%(detail)s)"),
    _("The environment asks us to wait. (%(detail)s)"),
    _("The environment did not answer. (%(detail)s)"),
    _("The environment answered with a fault of its own. (%(detail)s)"),
    _("Dynamics did not answer as it should. (%(detail)s)"),
    _("Check the API URL; the Web API's version is v9.0, v9.1 or v9.2."),
    _("Test again in %(seconds)s seconds: other work of this user has used up its limits."),
    _("Test again in a minute; check the firewall and Microsoft's service health."),
    _("Another process is signing in with this account: %(why)s."),
    _("Wait a minute; then restart the server, or end what hangs."),
    _("%(told)s (AADSTS%(code)s)"),
    _("Microsoft's sign-in did not answer. %(why)s."),
    _("Look at Dynamics' own words and at the trace of this contact."),
    _("Requests go to the account's own environment only: correct the step."),
    _("Check the environment's address, DNS, the firewall and Dynamics' service health."),
    _("Check the API URL: no such environment is known under this name."),
    _("It is tried again by itself; a repeated create makes one record."),
    _("It is tried again by itself; see Dynamics' service health if it stays."),
    _("It is sent again when Dynamics allows it; spread the work over several accounts."),
    _(
        "The token was made for another environment or directory: compare the API URL, the "
        "scope and the directory id with the Power Platform admin center."
    ),
    _(
        "Power Platform admin center > Environments > the environment > Settings > Users + "
        "permissions: add who signs in (an application at Application users > New app user, a "
        "person at Users) with a security role."
    ),
    _("Give the user's security role the missing privilege."),
    _("The record was deleted, or the step names another one."),
    _("Use the table's entity set name (plural, as phonecalls) and a version from v9.0 on."),
    _("Check the API URL: what answers there is no Dataverse Web API."),
    _("A record with this id or key is there already."),
    _("Somebody changed the record in between: read it again."),
    _("Keep the information as a note on the record, or complete it later."),
    _("Correct the step's body or query string; Dynamics says what is wrong with it."),
    _("nothing: an application acts by its security role"),
    _("nothing: no Graph permission is used"),
    _("acting as the person who consented"),
    _("act for the agents (impersonation)"),
    _("create %(table)s"),
    _("read %(table)s"),
    _("write %(table)s"),
    _("fill lookups of %(table)s"),
    _("link rows to %(table)s"),
    _("change the owner of %(table)s"),
    _("the public cloud"),
    _("the US Government cloud"),
    _("the cloud in China"),
    _("the French sovereign cloud"),
    _("the German sovereign cloud"),
    _("the Singaporean sovereign cloud"),
    _("The consent was given in another browser than the one that asked for it."),
    _("The account was changed while the consent window was open."),
    _("Press Request token again."),
    # The state of an account: adapter/connections, adapter/accounts/expiry.py, parsing.py.
    _("The account has not been applied yet."),
    _("The connection has not been tested: use Test connection."),
    _("The last test of the connection failed: %(message)s"),
    _("The account cannot be used."),
    _("The account's secrets cannot be read: %(cause)s"),
    _(
        "The secrets cannot be decrypted: put the key that they were sealed with back into "
        "SCREENPOP_SECRET_KEY, or enter the secrets again."
    ),
    _("There is no integration account in force."),
    _("There is no integration account %(name)s in force."),
    _("There are several integration accounts and none is the default: choose one."),
    _(
        "The client secret looks like a secret's ID: the portal shows Value and Secret ID, "
        "and the Value is needed."
    ),
    _(
        "The client secret has no expiry date here, so nobody is warned before it ends: "
        "secrets always expire, enter the date that the portal shows."
    ),
    _("There is neither a client secret nor a certificate yet."),
    _("Nobody has consented yet: use Request token."),
    _("The refresh token is not used: this account acts as an application."),
    _(
        "The client secret %(when)s: create a new one in Azure portal > App registrations > "
        "Certificates & secrets, enter it here and apply."
    ),
    _(
        "The certificate %(when)s: create a new one in Azure portal > App registrations > "
        "Certificates & secrets, enter it here and apply."
    ),
    _("expired on %(date)s"),
    _("expires today (%(date)s)"),
    _("expires in %(days)s day (%(date)s)"),
    _("expires in %(days)s days (%(date)s)"),
    # Faults of an account's fields: adapter/accounts.
    _("this is needed"),
    _("it is missing"),
    _("expected text"),
    _("expected text of at most %(count)s characters"),
    _("there is a line break in it"),
    _("there is no such field"),
    _("give a client secret or a certificate, not both"),
    _("give the API URL or the environment's address"),
    _("this is %(one)s, but the environment is %(other)s"),
    _("this is %(one)s, but the API URL says %(other)s"),
    _("%(path)s is no part of it: %(advice)s"),
    _("write https://<organisation>.crm<N>.dynamics.com"),
    _("write https://<organisation>.crm<N>.dynamics.com/api/data/v9.2"),
    _("give the directory (tenant) id, or the authorization and token URLs"),
    _(
        "%(name)s stands for any directory; an application signs in to one: give its "
        "directory (tenant) id"
    ),
    _("this is %(one)s, but the authorization URL is %(other)s"),
    _("this names the directory %(one)s, but the authorization URL names %(other)s"),
    _("this is %(one)s, but the URLs name %(other)s"),
    _(
        "this is %(cloud)s, but the environment %(environment)s signs in at %(host)s: paste "
        "the endpoints from that cloud's portal"
    ),
    _("one scope is enough: %(scope)s"),
    _("%(one)s is no scope of Dynamics: use %(scope)s"),
    _("this is for %(one)s, but the environment is %(other)s"),
    _("an application asks for %(scope)s"),
    _("write true or false"),
    _("use 1 to %(count)s characters, without /"),
    _("write application or delegated"),
    _("expected a GUID, as 11111111-2222-3333-4444-555555555555"),
    _("expected the name of an S3 bucket: 3 to 63 of a-z, 0-9, '.' and '-'"),
    _("the Web API's version is v9.0, v9.1 or v9.2"),
    _("secrets always expire: enter the date that the portal shows"),
    _("write the date as 2027-05-31"),
    _("this is no web address"),
    _("a sign-in address begins with https://"),
    _("there is a user name or password in it"),
    _("the directory is missing: paste the whole endpoint from the portal"),
    _("%(path)s is no endpoint we know: paste the OAuth 2.0 authorization or token endpoint"),
    _("consumers stands for personal accounts, which have no Dynamics 365"),
    _("AD FS is not supported: Dynamics 365 online signs in with Entra"),
    _(
        "a directory (tenant) id is a GUID, as on the application's Overview page, or a "
        "domain such as contoso.onmicrosoft.com"
    ),
    _("this cloud was closed in 2021: use the directory it was moved to"),
    _(
        "%(host)s is no sign-in host of Microsoft's (such as %(example)s): paste an endpoint "
        "from Azure portal > App registrations > Endpoints"
    ),
    _("%(host)s has no port %(port)s"),
    _("there is no -----BEGIN CERTIFICATE----- in it: give PEM"),
    _("there is no private key with it: give the PEM of exactly one"),
    _("there is more than one private key with it: give the PEM of exactly one"),
    _("the private key belongs to another certificate"),
    _("the certificate cannot be read"),
    _("the private key needs a passphrase"),
    _("the private key has no passphrase"),
    _("the private key cannot be read"),
    _("the private key cannot be read; is the passphrase right?"),
    _("Entra takes RSA keys only"),
    # Web addresses and names: adapter/dynamics, adapter/main_aspx.py.
    _("%(argument)s: %(fault)s"),
    _("%(what)s (did you mean %(name)s?)"),
    _("%(what)s is not https"),
    _("%(what)s has a port: Dynamics has only 443"),
    _("%(what)s is no host of a Dynamics organisation: %(advice)s"),
    _("%(what)s is no web address"),
    _("%(what)s has more than scheme and host: %(advice)s"),
    _("%(what)s is no host name: %(advice)s"),
    _("has a user name or password in it"),
    _("is empty"),
    _("must be text"),
    _("must be text, not %(what)s"),
    _("has the control character %(character)s in %(what)s"),
    _("%(what)s is not a GUID"),
    _("is the empty GUID, which names no record"),
    _("%(name)s is no logical name of a table: use %(right)s"),
    _("%(what)s is no logical name of a table (a-z, 0-9 and _, like 'contact')"),
    _("%(what)s is no unique name of an app (letters, digits and _)"),
    _("%(what)s has characters that no URL has unencoded"),
    _("%(what)s is not /main.aspx?…"),
    _("and appname cannot both be there"),
    _("and appname cannot both be given"),
    _("is missing: give appid or appname"),
    _("is missing"),
    _("%(what)s has no value (write name=value)"),
    _("has a %% that is not followed by two hexadecimal digits"),
    _("%(what)s is not UTF-8"),
    _("%(name)s is there twice"),
    _("is %(length)s characters long, over %(limit)s: shorten the defaults or the text"),
    _("is not entityrecord, entitylist or search"),
    _("is unknown; known are %(names)s"),
    _('must be an object: {"column": "value"}'),
    # Faults and hints of steps: adapter/steps, adapter/placeholders.
    _("line %(line)s column %(column)s: %(what)s"),
    _("is not JSON: %(reason)s"),
    _("there is nothing in it"),
    _("Expecting value"),
    _("Expecting ',' delimiter"),
    _("Expecting ':' delimiter"),
    _("Expecting property name enclosed in double quotes"),
    _("Extra data"),
    _("Unterminated string starting at"),
    _("Invalid control character at"),
    _("is nested too deeply"),
    _("is longer than %(count)s characters"),
    _('must be a JSON object: {"column": "value"}'),
    _("must be a JSON object"),
    _("a column's name cannot be filled in"),
    _("has the character U+0000"),
    _("{{}} names nothing: write {{Attribute}}"),
    _("%(name)s needs a field, such as %(example)s"),
    _("%(found)s has no other half: write {{Attribute}}"),
    _("%(word)s is sent as that word; write %(braced)s for its value"),
    _("an apostrophe is not closed"),
    _("the parenthesis is not closed"),
    _("a record's id stands in parentheses: (%(name)s)"),
    _("%(what)s is no record id (GUID)"),
    _(
        "%(what)s is out of place: write a record's id in parentheses, or options that begin "
        "with ?$"
    ),
    _("is no GUID, number or date: put the placeholder in apostrophes to send it as text"),
    _("is no number, true, false or null: put the placeholder in quotes to send it as text"),
    _("is not a record id (GUID)"),
    _("{{%(name)s}} in %(place)s: %(reason)s"),
    _("%(name)s in query string: %(reason)s"),
    _("the contact has no such attribute"),
    _("the contact has it in several spellings with different values"),
    _("step %(number)s failed: %(cause)s"),
    _("step %(number)s has not answered yet"),
    _("step %(number)s found %(count)s rows, not one"),
    _("step %(number)s's response has no %(field)s"),
    _("step %(number)s does not run: %(why)s"),
    _("steps %(numbers)s and %(number)s do not run: %(why)s"),
    _("there is no account %(name)s"),
    _("a GET has none"),
    _("step %(number)s opens a record and has no response"),
    _("there is no step %(number)s"),
    _("step %(number)s comes later than step %(own)s"),
    _("step %(number)s is disabled and will have no response"),
    _("no contact has had the attribute %(name)s so far"),
    _("the record to update is missing: %(example)s"),
    _("a POST creates a record: it has no query string"),
    _("Dynamics creates every row open: set it by a PATCH in a later step"),
    _("needs a matching statuscode beside it"),
    _("how %(table)s are reopened is not known"),
    _("how %(table)s are canceled is not known"),
    _("a GET that waits for a file has nowhere to keep it"),
    _(
        "Dynamics takes a call without directioncode for an outgoing one: add "
        '"directioncode": {{IsOutbound|false}} (without quotes)'
    ),
    _("alone it changes the reason, not the state"),
    _("without a filter this reads the first rows of the table"),
    _("is the same as %(other)s"),
    _("%(other)s opens a record already"),
    _("are more than %(count)s"),
    _("must be text or an object, not %(what)s"),
    _("is missing: step %(number)s has no stage of its own"),
    _("%(what)s is not known: test the account, so that its tables are read, or give id_column"),
    _("%(what)s is no name (like 'phonecalls')"),
    _("must be a whole number from %(least)s to %(most)s"),
    _("must be true or false"),
    _("%(what)s is not %(one)s, %(others)s"),
    _("%(table)s is no table of this environment"),
    _("%(table)s has no column %(name)s"),
    _("%(table)s has no such column"),
    _("%(table)s has no navigation property of this name"),
    _("%(table)s has no navigation property %(name)s"),
    _("step %(number)s does not ask for %(field)s: add it to its $select"),
    _("%(field)s is a lookup: step %(number)s answers with %(name)s"),
    _("step %(number)s answers with a %(table)s: no %(field)s"),
    _("can only be read"),
    _('can only be read: write "%(name)s": "/…(…)"'),
    _('is a lookup: write "%(name)s": "/…(…)"'),
    _("Dynamics does not take this column when a row is created"),
    _("Dynamics does not take this column when a row is changed"),
    _("%(status)s belongs to statecode %(one)s, not to %(other)s"),
    _("is a text column: put the value in quotes"),
    _("%(name)s is a text column: put apostrophes around %(placeholder)s"),
    _("has %(count)s characters or more; %(column)s takes %(limit)s, and the rest is cut off"),
    _("takes true or false, without quotes"),
    _("takes true or false: leave the quotes around it away"),
    _("takes a number"),
    _("takes a number: leave the quotes around it away"),
    _("%(chosen)s is none of its choices: %(listed)s"),
    _("takes a date and time: 2026-01-31T09:00:00Z"),
    _("takes a record id (GUID)"),
    _("must be the address of a row: /contacts(…)"),
    _("a row's id stands in parentheses: %(example)s"),
    _("write the entity set: %(example)s"),
    _("leads to a %(wanted)s, not to one of %(written)s"),
    _("not checked against the environment, because: %(why)s"),
    _("it did not answer within %(count)s seconds"),
    _("code fence removed"),
    _("label before the example removed"),
    _("special spaces replaced"),
    _("typographic quotes replaced"),
    _("line breaks removed"),
    _("backslashes removed"),
    _("quotes around the whole text removed"),
    _("escaped quotes replaced"),
    _("line break inside a text replaced by a space"),
    _("comma before a closing brace removed"),
    # What to do about a dead letter: adapter/outbox.py.
    _(
        "Correct the step, or give the placeholder something to fall back on ({{Name|unknown}});"
        " then replay this."
    ),
)
