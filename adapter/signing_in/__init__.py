"""Sign people in by OpenID Connect: what the windows under way are, and what providers say.

`docs/decisions/0009-openid-connect-by-ourselves.md` says why MSAL is not used for this.
"""

from adapter.signing_in.opening import SigningIn, open_signing_in

__all__ = ["SigningIn", "open_signing_in"]
