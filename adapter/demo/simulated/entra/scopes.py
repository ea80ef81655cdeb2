"""Read the resource and the permissions that a request asks for, in v2's and in v1's way."""

from __future__ import annotations

from collections.abc import Mapping

from adapter.demo.simulated.entra import aadsts
from adapter.demo.simulated.entra.aadsts import Denial
from adapter.demo.simulated.entra.directory import Directory

_OPENID = frozenset({"openid", "profile", "email", "offline_access"})
_DELEGATED = frozenset({".default", "user_impersonation"})


def asked(
    directory: Directory, form: Mapping[str, str], *, v1: bool, app_only: bool
) -> tuple[str, tuple[str, ...]]:
    """Give (resource, scopes). The resource is what stands before the last slash of a scope.

    v1 asks by `resource`, v2 by `scope`; each denies the other's. Resource is "" for a request
    for nothing but an ID token.
    """
    if v1:
        resource = _required(form, "resource")
        _known(directory, resource)
        return resource, ("openid", "profile", "offline_access", f"{resource}/user_impersonation")
    if "resource" in form:
        raise Denial(aadsts.RESOURCE_ON_V2, "The 'resource' request parameter is not supported.")
    scopes = tuple(_required(form, "scope").split())
    found = {scope.rpartition("/")[0] for scope in scopes if scope not in _OPENID}
    if len(found) > 1:
        raise Denial(
            aadsts.TWO_RESOURCES,
            "Provided value for the input parameter scope is not valid because it contains more "
            f"than one resource. Scope {' '.join(scopes)} is not valid.",
        )
    if app_only and (not found or not all(scope.endswith("/.default") for scope in scopes)):
        raise Denial(
            aadsts.SCOPE_NOT_DEFAULT,
            f"The provided value for scope {' '.join(scopes)} is not valid. Client credential "
            "flows must have a scope value with /.default suffixed to the resource identifier "
            "(application ID URI).",
        )
    resource = next(iter(found), "")
    if found:
        _known(directory, resource)
        _permissions(scopes)
    return resource, scopes


def permission(scopes: tuple[str, ...]) -> str:
    """Give the claim `scp` of a delegated token: Dataverse has one permission."""
    return "user_impersonation" if any(scope not in _OPENID for scope in scopes) else "openid"


def _permissions(scopes: tuple[str, ...]) -> None:
    for scope in scopes:
        if scope not in _OPENID and scope.rpartition("/")[2] not in _DELEGATED:
            raise Denial(
                aadsts.UNKNOWN_SCOPE,
                "The provided request must include a 'scope' input parameter. The provided value "
                f"for the input parameter 'scope' is not valid. The scope '{scope}' is not valid.",
            )


def _known(directory: Directory, resource: str) -> None:
    if not directory.knows_resource(resource):
        raise Denial(
            aadsts.UNKNOWN_RESOURCE,
            f"The resource principal named {resource} was not found in the tenant named "
            f"{directory.name}. This can happen if the application has not been installed by the "
            "administrator of the tenant or consented to by any user in the tenant. You might "
            "have sent your authentication request to the wrong tenant.",
        )


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "").strip()
    if not value:
        raise Denial(
            aadsts.MISSING_FIELD,
            f"The required field '{name}' is missing from the credential. Ensure that you have "
            "all the necessary parameters for the login request.",
        )
    return value
