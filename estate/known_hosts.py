"""The text of a known_hosts file: whose keys are pinned (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT")."""

from estate.inventory import Ssh


def address(ssh: Ssh) -> str:
    """As known_hosts names it: the port in brackets when it is not 22."""
    return ssh.hostname if ssh.port == 22 else f"[{ssh.hostname}]:{ssh.port}"


def _is_of(line: str, name: str) -> bool:
    fields = line.split()
    return len(fields) >= 3 and not line.startswith(("#", "@")) and name in fields[0].split(",")


def pinned(text: str, name: str) -> set[str]:
    """The keys, "type base64", that a known_hosts file has for an address; hashed names are not ours."""
    return {" ".join(line.split()[1:3]) for line in text.splitlines() if _is_of(line, name)}


def with_keys(text: str, name: str, keys: set[str]) -> str:
    """The file's text with these keys, and no others, for an address."""
    kept = [line for line in text.splitlines() if not _is_of(line, name)]
    return "".join(f"{line}\n" for line in [*kept, *(f"{name} {key}" for key in sorted(keys))])
