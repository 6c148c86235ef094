"""What a node's customers see of it: its /health over the public internet."""

import ssl

import httpx

_TIMEOUT = 5


def public_health(name: str, address: str, trust: ssl.SSLContext) -> str:
    """In words what https://NAME/health answers; never raises.

    + address: where to ask when DNS need not be; empty: the name's
    + trust: the certificates that are trusted here
    """
    headers, extensions = {"Host": name}, {"sni_hostname": name}
    try:
        with httpx.Client(timeout=_TIMEOUT, trust_env=False, verify=trust) as client:
            url = f"https://{address or name}/health"
            code = client.get(url, headers=headers, extensions=extensions).status_code
    except httpx.HTTPError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "it serves, with a certificate that is not trusted here"
        return f"no answer ({str(error) or type(error).__name__})"
    return "it serves" if code == httpx.codes.OK else f"/health answers {code}"
