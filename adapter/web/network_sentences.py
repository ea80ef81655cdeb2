"""List why no connection was made, for the catalogues: adapter/dataverse/transport.py."""

from __future__ import annotations

from adapter.i18n import N_

SENTENCES = (
    N_("there is no host %(host)s"),
    N_("%(host)s did not answer in time"),
    N_("%(host)s refuses connections"),
    N_("%(host)s broke the connection"),
    N_("%(host)s does not speak TLS as it should"),
    N_("%(host)s cannot be reached"),
    N_(
        "the certificate of %(host)s is not trusted (%(why)s); SCREENPOP_CA_FILE names "
        "further authorities"
    ),
)
