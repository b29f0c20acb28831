"""What the errors of file systems on other machines mean, in words, and whether trying again can help."""

from __future__ import annotations

from logscan.errors import InputError, first_line


def silence(path: str, seconds: float) -> InputError:
    """A server that does not answer."""
    return InputError(
        f"{path}: the server does not answer (waited {seconds:g} s)",
        "is the address right? is a firewall or a proxy in between? try it with curl, then run this again",
    )


def is_final(error: Exception) -> bool:
    """Whether a retry cannot help, by the error's name or status: file systems have no type for this."""
    status = getattr(error, "status", None)
    name = type(error).__name__  # what cannot be connected to, botocore has repeated itself
    if "Credential" in name or name == "EndpointConnectionError":
        return True
    return status in (400, 401, 403, 404, 410) or _is_of_keys(error)


def _is_of_keys(error: Exception) -> bool:
    """Whether authentication failed; SSH has no error type of its own for a missing key."""
    return "Auth" in type(error).__name__ or "uthentication" in str(error)


def fault(path: str, error: Exception) -> InputError:
    """The error of a file system in our words."""
    words = first_line(error)
    name = type(error).__name__
    status = getattr(error, "status", None)
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        if path.startswith("http"):  # fsspec reports a forbidden file in the same way
            return InputError(f"{path}: not found, or forbidden without credentials", "check the address")
        return InputError(f"{path}: not found", "check the address")
    if (
        isinstance(error, PermissionError)
        or status in (401, 403)
        or "Credential" in name
        or _is_of_keys(error)
    ):
        return InputError(
            f"{path}: may not be read ({words})",
            "give credentials in the provider's usual way (environment, profile, role), or ask for the"
            " right to read",
        )
    return InputError(f"{path}: {words}", "check the network and the address")
