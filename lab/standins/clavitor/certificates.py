"""The certificate: obtained and renewed by ACME (HTTP-01), or self-signed when no directory is named.

Kept in STATE/autocert, as Go's autocert keeps it: a node that loses it asks again, and Let's Encrypt gives five
certificates for one name in seven days.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

from lab.standins.clavitor.settings import Settings

SELF_SIGNED_DAYS = 90
FIRST_WAIT, LONGEST_WAIT = 5.0, 3600.0
DAY = 86400
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/bin", "/usr/bin"])


def openssl(*arguments: str) -> str:
    """Run openssl. Raises subprocess.CalledProcessError."""
    program = shutil.which("openssl", path=SEARCH) or "openssl"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def lifetime(certificate: Path) -> tuple[float, float]:
    """When it begins and when it ends, as epochs. Raises OSError or CalledProcessError when there is none."""
    if not certificate.is_file():
        raise FileNotFoundError(str(certificate))
    text = openssl("x509", "-in", str(certificate), "-noout", "-startdate", "-enddate")
    dates = dict(line.split("=", 1) for line in text.splitlines())
    return ssl.cert_time_to_seconds(dates["notBefore"]), ssl.cert_time_to_seconds(dates["notAfter"])


def is_due(begin: float, end: float, now: float) -> bool:
    """Whether less than a third of the lifetime is left, which fits 90 days, 45 days and 6 days alike."""
    return end - now < (end - begin) / 3


class Certificates:
    """The certificate on the disk, in use, and its renewal in the background."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.state / "autocert"
        self.challenges = self._folder / "challenges"
        self.challenges.mkdir(parents=True, exist_ok=True)
        self._account = self._folder / "account.key"
        self._key = self._folder / f"{settings.domain}.key"
        self._certificate = self._folder / f"{settings.domain}.crt"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._stop = threading.Event()
        self._wait = FIRST_WAIT

    def start(self) -> None:
        """Use what is on the disk; without it a self-signed one, until ACME has given one."""
        for key, kind in ((self._key, ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")),):
            self._make_key(key, *kind)
        if not self._load(self._certificate):
            own = self._certificate if not self._settings.acme_directory else self._folder / "placeholder.crt"
            self._sign_oneself(own)
            self._load(own)
        threading.Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        """End the background work."""
        self._stop.set()

    def days(self) -> float:
        """Days that the certificate has left; 0 while there is none but the placeholder."""
        try:
            return max(0.0, round((lifetime(self._certificate)[1] - time.time()) / DAY, 1))
        except (OSError, KeyError, ValueError, subprocess.SubprocessError):
            return 0.0

    def _make_key(self, path: Path, *kind: str) -> None:
        if not path.is_file():
            before = os.umask(0o077)
            try:
                openssl("genpkey", *kind, "-out", f"{path}.new")
            finally:
                os.umask(before)
            Path(f"{path}.new").replace(path)

    def _sign_oneself(self, to: Path) -> None:
        name = self._settings.domain
        request = ("req", "-x509", "-key", str(self._key), "-days", str(SELF_SIGNED_DAYS), "-out", str(to))
        openssl(*request, "-subj", f"/CN={name[:64]}", "-addext", f"subjectAltName=DNS:{name}")

    def _load(self, certificate: Path) -> bool:
        try:
            self.context.load_cert_chain(certificate, self._key)
        except (OSError, ssl.SSLError):
            return False
        return True

    def _due(self) -> bool:
        try:
            return is_due(*lifetime(self._certificate), time.time())
        except (OSError, KeyError, ValueError, subprocess.SubprocessError):
            return True

    def _work(self) -> None:
        while not self._stop.is_set():
            pause = 60.0
            if self._due():
                try:
                    self._renew()
                    self._wait = FIRST_WAIT
                except (OSError, ValueError, subprocess.SubprocessError) as fault:
                    said = getattr(fault, "stderr", None) or str(fault)
                    last = said.strip().splitlines()[-1] if said.strip() else type(fault).__name__
                    print(f"no certificate for {self._settings.domain}: {last[:300]}", file=sys.stderr, flush=True)
                    pause, self._wait = self._wait, min(self._wait * 2, LONGEST_WAIT)
            self._stop.wait(pause)

    def _renew(self) -> None:
        fresh = self._folder / f"{self._settings.domain}.crt.new"
        if self._settings.acme_directory:
            fresh.write_text(self._ask_acme())
        else:
            self._sign_oneself(fresh)
        if not self._load(fresh):
            raise ValueError("the new certificate does not fit the key")
        fresh.replace(self._certificate)
        print(f"a new certificate for {self._settings.domain}: {self.days():.0f} days", file=sys.stderr, flush=True)

    def _ask_acme(self) -> str:
        """Ask by acme-tiny; the certificate and its chain."""
        self._make_key(self._account, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        name, request = self._settings.domain, self._folder / "request.csr"
        subject = ("-subj", "/", "-addext", f"subjectAltName=DNS:{name}")
        openssl("req", "-new", "-key", str(self._key), "-out", str(request), *subject)
        contact = ("--contact", f"mailto:{self._settings.acme_email}") if self._settings.acme_email else ()
        files = ("--account-key", str(self._account), "--csr", str(request), "--acme-dir", str(self.challenges))
        directory = ("--directory-url", self._settings.acme_directory, "--disable-check", "--quiet")
        program = shutil.which("acme-tiny", path=SEARCH) or "acme-tiny"
        done = subprocess.run(
            [program, *files, *directory, *contact], capture_output=True, text=True, check=True, timeout=180
        )
        return done.stdout
