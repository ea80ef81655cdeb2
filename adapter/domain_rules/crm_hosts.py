"""Know the host names of the CRMs that frame the adapter: regions, shared suffixes, presets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

DYNAMICS_REGIONS: Mapping[str, str] = MappingProxyType(
    {
        "crm.dynamics.com": "North America",
        "crm2.dynamics.com": "South America",
        "crm3.dynamics.com": "Canada",
        "crm4.dynamics.com": "Europe, Middle East and Africa",
        "crm5.dynamics.com": "Asia Pacific",
        "crm6.dynamics.com": "Australia",
        "crm7.dynamics.com": "Japan",
        "crm8.dynamics.com": "India",
        "crm9.dynamics.com": "US Government (GCC)",
        "crm11.dynamics.com": "United Kingdom",
        "crm12.dynamics.com": "France",
        "crm14.dynamics.com": "South Africa",
        "crm15.dynamics.com": "United Arab Emirates",
        "crm16.dynamics.com": "Germany",
        "crm17.dynamics.com": "Switzerland",
        "crm19.dynamics.com": "Norway",
        "crm20.dynamics.com": "Singapore",
        "crm21.dynamics.com": "Korea",
        "crm22.dynamics.com": "Sweden",
        "crm.microsoftdynamics.us": "US Government (GCC High)",
        "crm.appsplatform.us": "US Government (DoD)",
        "crm.dynamics.cn": "China",
        "crm.microsoftdynamics.de": "Germany (old sovereign cloud)",
    }
)
"""Suffix to region, as Microsoft's page on data center regions lists them; the set grows.

Source: https://learn.microsoft.com/power-platform/admin/new-datacenter-regions
"""

_OTHER_SHARED = {
    "my.salesforce.com": "Salesforce",
    "sandbox.my.salesforce.com": "Salesforce",
    "develop.my.salesforce.com": "Salesforce",
    "lightning.force.com": "Salesforce",
    "sandbox.lightning.force.com": "Salesforce",
    "develop.lightning.force.com": "Salesforce",
    "vf.force.com": "Salesforce",
    "my.site.com": "Salesforce",
    "visualforce.com": "Salesforce",
    "salesforce.com": "Salesforce",
    "force.com": "Salesforce",
    "zendesk.com": "Zendesk",
    "zdusercontent.com": "Zendesk",
    "kustomerapp.com": "Kustomer",
    "hubspot.com": "HubSpot",
    "freshdesk.com": "Freshdesk",
    "service-now.com": "ServiceNow",
    "powerappsportals.com": "Power Apps",
    "apps.powerapps.com": "Power Apps",
    "sharepoint.com": "SharePoint",
}

_DYNAMICS = re.compile(
    r"(?:api\.)?(?:crm[0-9]*\.(?:dynamics\.(?:com|cn)|microsoftdynamics\.(?:us|de)|appsplatform\.us)"
    r"|dynamics\.(?:com|cn))"
)

PRESETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dynamics": tuple(f"https://*.{suffix}" for suffix in DYNAMICS_REGIONS),
        "salesforce": (
            "https://*.salesforce.com",
            "https://*.force.com",
            "https://*.visualforce.com",
        ),
        "zendesk": ("https://*.zendesk.com", "https://*.zdusercontent.com"),
        "kustomer": ("https://*.kustomerapp.com",),
    }
)
"""CRM to rule lines that an admin adds at once: wide, so each comes with a caution."""


def shared_by(domain: str) -> str | None:
    """Name whose customers all have hosts under `domain`, or None: `Dynamics 365 (Japan)`."""
    region = DYNAMICS_REGIONS.get(domain.removeprefix("api."))
    if region:
        return f"Dynamics 365 ({region})"
    if _DYNAMICS.fullmatch(domain):
        return "Dynamics 365"
    return _OTHER_SHARED.get(domain)
