"""Addresses in a network: HOST:PORT. An IPv6 address before a port is in brackets: [::1]:5555."""

import ipaddress
import re

_FORM = re.compile(r"(?:\[(?P<ipv6>[^][]+)\]|(?P<host>[^][:]+))(?::(?P<port>[0-9]{1,5}))?")


def split_address(text: str, port: int) -> tuple[str, int]:
    """Return the host and the port in `text`; without one there, it is `port`.

    Raises `ValueError` if `text` is not an address, or the port does not exist.
    """
    if is_ipv6(text):
        return text, port
    found = _FORM.fullmatch(text)
    if found is None or (found["ipv6"] and not is_ipv6(found["ipv6"])):
        raise ValueError(text)
    number = int(found["port"] or port)
    if not 0 < number < 1 << 16:
        raise ValueError(text)
    return found["ipv6"] or found["host"], number


def joined_address(host: str, port: int) -> str:
    """Return HOST:PORT, as `split_address` reads it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_ipv6(host: str) -> bool:
    """Return whether `host` is an IPv6 address without brackets."""
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True
