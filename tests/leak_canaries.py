"""A secret of every kind that .gitleaks.toml looks for, made when the tests run: none is written down here."""

import base64
import string
from dataclasses import dataclass
from hashlib import shake_256

HEX = "0123456789abcdef"
ALNUM = string.ascii_letters + string.digits
URLSAFE = ALNUM + "-_"
BECH32 = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"


def made(label: str, length: int, alphabet: str = ALNUM) -> str:
    """Text that looks random, the same in every run."""
    return "".join(alphabet[byte % len(alphabet)] for byte in shake_256(label.encode()).digest(length))


def base64_key(label: str) -> str:
    """32 bytes in base64, as WireGuard writes its keys."""
    return base64.b64encode(shake_256(label.encode()).digest(32)).decode()


@dataclass(frozen=True)
class Canary:
    """A file with a secret, and the same file with something harmless in its place."""

    path: str
    secret: str
    harmless: str


WG, PSK = base64_key("private"), base64_key("preshared")
JWT = ".".join("ey" + made(part, 40, URLSAFE) for part in ("head", "body")) + "." + made("signature", 43, URLSAFE)
LOGIN = made("login", 9)
PHC = f"m=65540,t=3,p=4${made('salt', 43)}${made('hash', 43)}"

CANARIES: dict[str, list[Canary]] = {
    "estate-b2-key-id": [
        Canary("backup.conf", f"account = 005{made('b2', 12, HEX)}0000000001\n", f"account = {'0' * 25}\n"),
        Canary("b2.py", f'KEY = "004{made("b2b", 22, HEX)}"\n', f'KEY = "004{made("b2b", 12, HEX)}"\n'),
    ],
    "estate-b2-application-key": [
        Canary("b2.env", f"B2_KEY=K005{made('k', 27)}\n", "B2_KEY=${B2_KEY}\n"),
        Canary("master.env", f"B2_KEY=003{made('m', 39, HEX)}\n", "B2_KEY=K005\n"),
    ],
    "estate-argon2-hash": [
        Canary("vault.env", f"ADMIN_TOKEN='$argon2id$v=19${PHC}'\n", "ADMIN_TOKEN='$argon2id$v=19$m=65540,t=3,p=4$'\n"),
        Canary("vault.yml", f"ADMIN: $$argon2id$$v=19$${PHC.replace('$', '$$')}\n", "ADMIN: $argon2id$broken\n"),
    ],
    "estate-login-password": [
        Canary("inv.py", f'h = ("h", {{"ssh_password": "{LOGIN}"}})\n', 'h = {"ssh_password": "<password>"}\n'),
        Canary("ops.py", f"apt.update(_sudo_password='{LOGIN}')\n", "apt.update(_sudo_password='${SUDO}')\n"),
        Canary("typed.py", f'ssh_key_password: str = "{LOGIN}"\n', 'ssh_key_password: str = ""\n'),
        Canary("short.py", f'ssh_password="{LOGIN[:5]}"\n', "ssh_password=secrets[host]\n"),
    ],
    "estate-wireguard-key": [
        Canary("wg.conf", f"PrivateKey = {WG}\n", f"PublicKey = {WG}\n"),
        Canary("edge.nix", f'  privateKey = "{WG}";\n', '  privateKeyFile = "/run/secrets/wg";\n'),
        Canary("peer.nix", f'  presharedKey = "{PSK}";\n', '  presharedKey = "…";\n'),
        Canary("edge.env", f"WG_PRIVATE_KEY={WG}\n", "WG_PRIVATE_KEY=<private key>\n"),
        Canary("edge.yml", f'wg_preshared_key: "{PSK}"\n', f'wg_public_key: "{PSK}"\n'),
    ],
    "estate-wireguard-key-file": [
        Canary("wireguard/edge.key", f"{WG}\n", "placeholder\n"),
        Canary("hosts/wg0.psk", PSK, "see the sealed secrets\n"),
        Canary("privatekey", f"{WG}\n", "\n"),
        Canary("wg/hub.key", f"{WG}\n", f"{WG[:-4]}\n"),
    ],
    "estate-infisical-service-token": [
        Canary(
            "agent.env",
            f"T=st.{made('i', 24, HEX)}.{made('j', 32, HEX)}.{made('k', 32, HEX)}\n",
            f"T=st.{made('i', 24, HEX)}\n",
        ),
        Canary(
            "agent2.env",
            f"T=st.6f1c{made('i', 4, HEX)}-00aa-4bbb-8ccc-{made('j', 12, HEX)}.{made('k', 64, HEX)}\n",
            "T=st.example.value\n",
        ),
    ],
    "estate-infisical-client-secret": [
        Canary("id.env", f"INFISICAL_CLIENT_SECRET={made('c', 64, HEX)}\n", "INFISICAL_CLIENT_SECRET=${SECRET}\n"),
        Canary("id.json", f'{{"clientSecret": "{made("d", 64, HEX)}"}}\n', f'{{"clientSecret": "{"0" * 64}"}}\n'),
    ],
    "estate-infisical-access-token": [
        Canary("token.env", f"INFISICAL_TOKEN={JWT}\n", "INFISICAL_TOKEN=eyJ.eyJ.x\n"),
        Canary("token.yml", f'infisical_access_token: "{JWT}"\n', 'infisical_access_token: "{{ token }}"\n'),
    ],
    "estate-infisical-encryption-key": [
        Canary("inf.env", f"ENCRYPTION_KEY={made('e', 32, HEX)}\n", f"ENCRYPTION_KEY={'0' * 32}\n"),
        Canary("inf2.env", f"INFISICAL_ENCRYPTION_KEY='{made('f', 32, HEX)}'\n", "ENCRYPTION_KEY=${KEY}\n"),
        Canary("inf3.env", f"AUTH_SECRET={base64_key('auth')}\n", "AUTH_SECRET=placeholder-auth-secret\n"),
    ],
    "estate-headscale-preauth-key": [
        Canary("up.sh", f"tailscale up --authkey {made('h', 48, HEX)}\n", "tailscale up --authkey $KEY\n"),
        Canary("up.env", f"TS_AUTHKEY={made('h2', 48, HEX)}\n", f"TS_AUTHKEY={'0' * 48}\n"),
        Canary("new.txt", f"hskey-auth-{made('a', 12, URLSAFE)}-{made('b', 64, URLSAFE)}\n", "hskey-auth-…\n"),
    ],
    "estate-headscale-api-key": [
        Canary("hs.txt", f"hskey-api-{made('a', 12, URLSAFE)}-{made('b', 64, URLSAFE)}\n", "hskey-api-…\n"),
        Canary("hs.env", f"HEADSCALE_API_KEY={made('p', 10)}.{made('q', 43, URLSAFE)}\n", "HEADSCALE_API_KEY=\n"),
    ],
    "estate-age-secret-key": [
        Canary("age.txt", f"AGE-SECRET-KEY-1{made('age', 58, BECH32)}\n", f"age1{made('pub', 58, BECH32).lower()}\n"),
    ],
    "estate-telegram-bot-token": [
        Canary("tg.txt", f"1234567890:AA{made('tg', 33, URLSAFE)}\n", f"1234567890:{'A' * 35}\n"),
        Canary("tg.sh", f"curl api/bot987654321:{made('t2', 35, URLSAFE)}/getMe\n", "curl api/bot$TOKEN/getMe\n"),
    ],
    "estate-cloudflare-api-token": [
        Canary("cf.env", f"CF_DNS_API_TOKEN={made('cf', 40, URLSAFE)}\n", "CF_DNS_API_TOKEN=${CF_DNS_API_TOKEN}\n"),
        Canary("cf.ini", f"dns_cloudflare_api_token = {made('c2', 40, URLSAFE)}\n", f"cloudflare = {'x' * 40}\n"),
        Canary("Caddyfile", f"dns cloudflare {made('c3', 40)}\n", "dns cloudflare {env.CLOUDFLARE_API_TOKEN}\n"),
        Canary("cf.txt", f"cfut_{made('c4', 48)}\n", "cfut_short\n"),
    ],
    "estate-cloudflare-global-key": [
        Canary("cfg.env", f"CLOUDFLARE_API_KEY={made('g', 37, HEX)}\n", f"CLOUDFLARE_API_KEY={'a' * 37}\n"),
    ],
    "estate-vultr-api-key": [
        Canary("v.env", f"VULTR_API_KEY={made('v', 36, string.ascii_uppercase + string.digits)}\n", "VULTR_API_KEY=\n"),
    ],
    "estate-grafana-token": [
        Canary("g.txt", f"glsa_{made('gl', 32)}_{made('crc', 8, HEX)}\n", "glsa_xxx\n"),
    ],
    "estate-tavily-key": [
        Canary("tv.txt", f"tvly-{made('tv', 32)}\n", "tvly-your-key\n"),
        Canary("tv2.txt", f"tvly-dev-{made('tw', 32)}\n", f"tvly-dev-{'x' * 32}\n"),
    ],
    "estate-password-in-url": [
        Canary("db.env", f"DB=postgres://user:{made('w', 14)}@db:5432/x\n", "DB=postgres://user:${PW}@db:5432/x\n"),
        Canary("db.py", f'U = "redis://:{made("r", 10)}@redis"\n', 'U = f"redis://:{password}@redis"\n'),
        Canary("db.md", f"postgresql+psycopg://u:{made('z', 8)}@h\n", "postgres://user:placeholder-db-password@db/x\n"),
    ],
}
