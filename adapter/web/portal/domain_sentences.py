"""List what the domain rules say of lines and origins, for the catalogues."""

from __future__ import annotations

from adapter.domain_rules.crm_hosts import DYNAMICS_REGIONS
from adapter.i18n import N_
from adapter.web.phrases import Phrases

_OF_RULES = (
    N_("a rule ends after the domain or the port: no path, and a protocol is followed by `://`"),
    N_("a rule has no query"),
    N_("a rule has no fragment, and there are no comments"),
    N_("a rule has no user name"),
    N_("keywords and quotes are not domains"),
    N_("`;` would end the header's directive"),
    N_("one rule a line: `,` would end the header's policy"),
    N_("`_` is not allowed in a domain"),
    N_("percent escapes are not allowed in a domain"),
    N_("an IPv6 address is not a domain, and browsers cannot match one"),
    N_("after a `:` stands a port from 1 to %(most)s, or `*` for any"),
    N_("no page has the protocol `%(protocol)s`, the rule could never match"),
    N_("there is white space (U+%(code)s) inside the rule"),
    N_("there is a control character (U+%(code)s) in the rule"),
    N_("there is an invisible character (U+%(code)s) in the rule"),
    N_("before `://` stands http or https"),
    N_("a wildcard stands once, as the whole first label: `*.example.com`"),
    N_("the protocol is never a wildcard: leave it out for both"),
    N_("a wildcard needs a domain after it: `*.example.com`"),
    N_("there is no port after the `:`"),
    N_("the domain is longer than %(most)s octets"),
    N_("the label `%(label)s` is longer than %(most)s octets"),
    N_("the label `%(label)s` starts or ends with a hyphen"),
    N_("the label `%(label)s` has `--` as its third and fourth character"),
    N_("the label `%(label)s` starts with a combining mark"),
    N_("the label `%(label)s` is not a valid international domain label"),
    N_("the label `%(label)s` may have only letters, digits and hyphens"),
    N_("the label `%(label)s` is not valid punycode"),
    N_("%(character)s is not allowed in a domain"),
    N_("browsers disagree about %(character)s"),
    N_("there is an empty label (two dots in a row, or a dot at the start)"),
    N_("there is an empty label (it holds only invisible characters)"),
    N_("there is no domain"),
    N_("a trailing dot makes it another host, which browsers treat differently"),
    N_("a name that ends in a number is an IP address, not a domain"),
    N_("left-to-right and right-to-left labels are mixed in a way browsers refuse"),
    N_(
        "these %(rules)s rules make a header of %(size)s bytes, more than the %(limit)s that "
        "proxies and browsers carry: use a wildcard for hosts that belong together"
    ),
)

_OF_ORIGINS = (
    N_("the origin is empty"),
    N_("`null` is an opaque origin (a sandboxed, data: or hidden page)"),
    N_("only http and https pages have a domain that a rule could match"),
    N_("there is a control character in it"),
    N_("there is white space or more than one origin in it"),
    N_("browsers write an international domain in punycode (`xn--…`)"),
    N_("an origin is written `https://host` or `https://host:port`"),
    N_("an origin ends after the host or the port: no path"),
    N_("an origin has no user name"),
    N_("browsers write origins in lower case"),
    N_("an origin names one host: a wildcard belongs into a rule"),
    N_("browsers write no percent escapes in an origin"),
    N_("there is no host"),
    N_("there is an empty label in the host"),
    N_("a port is a number up to %(most)s"),
    N_("the host is longer than %(most)s octets"),
    N_("it is not an origin as browsers write them"),
    N_("the page hides its address: remove Referrer-Policy: no-referrer"),
)

_DECISIONS = (
    N_("%(rule)s admits it"),
    N_("an IP address is not a domain: no rule matches one"),
    N_("there are no rules: nobody may embed"),
    N_("no rule matches; near miss: %(why)s"),
    N_("no rule matches"),
    N_("line %(line)s `%(text)s`"),
    N_("line %(line)s: %(text)s"),
    N_("the trailing dot makes another host than the one %(rule)s is for"),
    N_("scheme %(scheme)s, %(rule)s wants %(other)s"),
    N_("port %(port)s, %(rule)s wants the default port %(wanted)s"),
    N_("port %(port)s, %(rule)s wants the default port %(wanted)s and scheme %(scheme)s"),
    N_("port %(port)s, %(rule)s wants port %(wanted)s"),
    N_("port %(port)s, %(rule)s wants port %(wanted)s and scheme %(scheme)s"),
    N_("%(rule)s does not match the apex `%(host)s` itself"),
    N_("%(rule)s matches only that host: names below it need `*.%(above)s`"),
    N_("%(region)s is another region: %(rule)s is for %(other)s"),
    N_("`%(name)s` of %(rule)s stands in front of another domain: a look-alike"),
    N_("`%(host)s` ends in the letters of %(rule)s, but is no name below `%(name)s`"),
    N_("%(rule)s is for another host under `%(name)s`"),
)

_PRESETS = (
    N_("type the name of the organisation, or paste its address"),
    N_("choose a CRM"),
    N_("this is no address of a CRM that is known here: write its line into the text"),
    N_("type the name of one organisation: a wildcard would let in others"),
)

_WARNINGS = (
    N_("anyone can register a name under `%(host)s`: every such site may embed"),
    N_(
        "every customer of %(vendor)s has a host under `%(host)s` and could show the panel, a "
        "free trial is enough: name your own organisation's host instead, such as `%(better)s`"
    ),
    N_("`%(host)s` itself is not matched, only names below it"),
    N_("everything it admits is admitted by %(rule)s already"),
    N_("everything it admits is admitted by %(rule)s and %(other)s already"),
    N_("without a protocol it admits http too, which anyone on the network can forge"),
    N_(
        "people cannot sign in to the panel on an http page: give it https; browsers let https "
        "pages of that host embed too, our own checks refuse them"
    ),
    N_("browsers know this host as `%(host)s`"),
    N_("people read this host as `%(host)s`"),
    N_("Dynamics 365 (%(region)s)"),
)

_REGIONS = (
    N_("North America"),
    N_("South America"),
    N_("Canada"),
    N_("Europe, Middle East and Africa"),
    N_("Asia Pacific"),
    N_("Australia"),
    N_("Japan"),
    N_("India"),
    N_("US Government (GCC)"),
    N_("United Kingdom"),
    N_("France"),
    N_("South Africa"),
    N_("United Arab Emirates"),
    N_("Germany"),
    N_("Switzerland"),
    N_("Norway"),
    N_("Singapore"),
    N_("Korea"),
    N_("Sweden"),
    N_("US Government (GCC High)"),
    N_("US Government (DoD)"),
    N_("China"),
    N_("Germany (old sovereign cloud)"),
)

SENTENCES = (*_OF_RULES, *_OF_ORIGINS, *_DECISIONS, *_PRESETS, *_WARNINGS, *_REGIONS)
PHRASES = Phrases(SENTENCES)
UNNAMED_REGIONS = frozenset(DYNAMICS_REGIONS.values()) - frozenset(_REGIONS)
"""None: a new region needs its name in the catalogues."""
