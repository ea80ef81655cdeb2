"""Say what each cause of a failed sign-in means and what an admin does about it."""

from __future__ import annotations

CAUSES: dict[str, tuple[str, str]] = {
    "wrong_directory": (
        "There is no such directory.",
        (
            "Copy the directory (tenant) ID from the application's Overview page in the Azure "
            "portal; for a national cloud use that cloud's endpoints."
        ),
    ),
    "unknown_application": (
        "The directory does not know this application.",
        (
            "Compare the client ID and the directory (tenant) ID with the application's Overview "
            "page: one of them is another application's or another directory's."
        ),
    ),
    "wrong_environment": (
        "The directory does not know this environment.",
        "Check the API URL: the environment may belong to another directory, or its name is wrong.",
    ),
    "scope_wrong": (
        "The scope is not one that Dynamics knows.",
        "Leave the scope empty, or use <environment>/.default.",
    ),
    "secret_missing": (
        "There is neither a client secret nor a certificate.",
        "Enter the secret's Value from Certificates & secrets, or a certificate with its key.",
    ),
    "secret_wrong": (
        "The client secret is wrong.",
        (
            "Enter the secret's Value; often the Secret ID beside it was pasted. The value is "
            "shown only once: create a new secret if it is lost."
        ),
    ),
    "secret_expired": (
        "The client secret has expired.",
        (
            "Create a new one in Azure portal > App registrations > Certificates & secrets, enter "
            "its Value and expiry date here and apply."
        ),
    ),
    "certificate_unknown": (
        "The certificate is not registered at the application, or it has expired.",
        "Upload it in Azure portal > App registrations > Certificates & secrets > Certificates.",
    ),
    "clock": (
        "This server's clock differs from Microsoft's.",
        "Set the clock of this server (NTP).",
    ),
    "consent_missing": (
        "Consent is missing: nobody has allowed this application to use Dynamics.",
        (
            "Azure portal > App registrations > API permissions: add Dynamics CRM > "
            "user_impersonation and grant admin consent, or press Request token and consent for "
            "the organisation."
        ),
    ),
    "declined": (
        "The consent window was declined.",
        "Press Request token again and accept.",
    ),
    "token_missing": (
        "Nobody has consented yet, so there is no refresh token.",
        "Press Request token and sign in.",
    ),
    "sign_in_again": (
        "The refresh token has expired or was revoked.",
        "Press Request token and sign in again.",
    ),
    "interaction_required": (
        "The directory asks the person to sign in again (multi-factor or conditional access).",
        "Press Request token and sign in; or act as an application, which is not asked.",
    ),
    "blocked_by_policy": (
        "Conditional access keeps this application out.",
        (
            "Microsoft Entra admin center > Conditional Access: find the policy for workload "
            "identities, and let this application in from this server's address."
        ),
    ),
    "user_not_assigned": (
        "This person is not assigned to the application.",
        (
            "Azure portal > Enterprise applications > the application > Users and groups: add the "
            "person."
        ),
    ),
    "other_cloud": (
        "The directory lives in another cloud.",
        "Paste the endpoints that the portal of that cloud shows.",
    ),
    "id_token": (
        "The ID token is not the one we asked for.",
        "Request the token again; if it happens again, tell whoever runs this server.",
    ),
    "unavailable": (
        "Microsoft's sign-in did not answer.",
        "It is tried again by itself; check the firewall and Microsoft's service health.",
    ),
}
"""Cause: what is wrong, what to do."""
