"""What a node's customers see of it: its /health over the public internet."""

import ssl

import httpx

_TIMEOUT = 5


def public_health(name: str, address: str, trust: ssl.SSLContext) -> str:
    """What https://NAME/health answers: its status, or why there is none; never raises.

    + address: where to ask when DNS need not be; empty: the name's
    + trust: the certificates that are trusted here
    """
    headers, extensions = {"Host": name}, {"sni_hostname": name}
    try:
        with httpx.Client(timeout=_TIMEOUT, trust_env=False, verify=trust) as client:
            answer = client.get(f"https://{address or name}/health", headers=headers, extensions=extensions)
    except httpx.HTTPError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "its certificate is not trusted here"
        return str(error) or type(error).__name__
    return str(answer.status_code)
