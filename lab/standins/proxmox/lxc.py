"""The real backend: Debian's LXC, images through loop devices, tar with zstd."""

import contextlib
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.standins.proxmox import plug
from lab.standins.proxmox.backend import SHIFT, Limits, Usage
from lab.standins.proxmox.errors import FAILED, PveError

_PERIOD = 100_000
_LOOPS = 128
UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")
_COMPRESS = {"zstd": ("--use-compress-program", "zstd -T1 -1"), "gzip": ("--gzip",), "lzo": ("--lzop",), "0": ()}


def _run(argv: Sequence[str], said: str = "", check: bool = True) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(list(argv), capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        errors = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise PveError(f"{said or shlex.join(argv[:3])}: {errors}")
    return done


def limit_settings(limits: Limits, unified: bool) -> dict[str, str]:
    """The cgroup's files and their values, in the order in which a larger memory limit can be set."""
    quota = int(limits.cores * _PERIOD)
    if unified:
        return {
            "memory.max": str(limits.memory),
            "memory.swap.max": str(limits.swap),
            "cpu.max": f"{quota or 'max'} {_PERIOD}",
        }
    return {
        "memory.limit_in_bytes": str(limits.memory),
        "cpu.cfs_period_us": str(_PERIOD),
        "cpu.cfs_quota_us": str(quota or -1),
    }


class Lxc:
    """Containers of this node."""

    def root(self, vmid: int) -> Path:
        """Proxmox's own place."""
        return Path(f"/var/lib/lxc/{vmid}/rootfs")

    def usage(self, vmid: int) -> Usage | None:
        """From `lxc-info` and /proc."""
        pid = _run(["lxc-info", "-n", str(vmid), "-pH"], check=False).stdout.decode().strip()
        if not pid.isdigit():
            return None
        name = "memory.current" if UNIFIED.exists() else "memory.usage_in_bytes"
        used = _run(["lxc-cgroup", "-n", str(vmid), name], check=False).stdout.decode().strip()
        started = Path(f"/proc/{pid}").stat().st_mtime if Path(f"/proc/{pid}").exists() else time.time()
        return Usage(int(pid), int(used) if used.isdigit() else 0, max(int(time.time() - started), 0))

    def start(self, vmid: int, config: str, limits: Limits) -> None:
        """Write LXC's own configuration and start it in the background."""
        prefix = "lxc.cgroup2" if UNIFIED.exists() else "lxc.cgroup"
        settings = limit_settings(limits, UNIFIED.exists())
        text = config + "".join(f"{prefix}.{name} = {value}\n" for name, value in settings.items())
        folder = Path(f"/var/lib/lxc/{vmid}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config").write_text(text)
        log = Path(f"/run/pve-standin/lxc-{vmid}.log")
        log.unlink(missing_ok=True)
        # Its monitor must outlive the tool and what called it, so it is systemd's
        unit = ["systemd-run", "--quiet", "--collect", f"--unit=pve-container@{vmid}", "--property=KillMode=none"]
        unit += ["--property=Type=forking", "--property=Delegate=yes", "--property=TasksMax=infinity"]
        done = _run([*unit, "lxc-start", "-n", str(vmid), "-l", "WARN", "-o", str(log)], check=False)
        if done.returncode:
            errors = [line for line in (log.read_text() if log.exists() else "").splitlines() if " ERROR " in line]
            said = errors[0].split(" - ")[-1] if errors else done.stderr.decode(errors="replace").strip()
            raise PveError(f"startup for container '{vmid}' failed: {said}")

    def stop(self, vmid: int, timeout: int | None) -> bool:
        """SIGPWR and a wait, or SIGKILL."""
        how = ["-k"] if timeout is None else ["--nokill", "-t", str(timeout)]
        _run(["lxc-stop", "-n", str(vmid), *how], check=False)
        for _ in range(50):
            if self.usage(vmid) is None:
                return True
            if timeout is not None:
                return False
            time.sleep(0.1)
        return False

    def freeze(self, vmid: int, frozen: bool) -> None:
        """By LXC's freezer."""
        _run(["lxc-freeze" if frozen else "lxc-unfreeze", "-n", str(vmid)])

    def limit(self, vmid: int, limits: Limits) -> None:
        """Write the cgroup's files."""
        for name, value in limit_settings(limits, UNIFIED.exists()).items():
            _run(["lxc-cgroup", "-n", str(vmid), name, value], f"unable to set {name} of CT {vmid}")

    def make_image(self, path: Path, size: int, owner: int) -> None:
        """A sparse file with XFS: a mounted ext4 grows for CAP_SYS_RESOURCE only, which a lab host may not have."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as image:
            image.truncate(size)
        try:
            _run(["mkfs.xfs", "-q", str(path)], "unable to create image")
            with self._at_hand(path) as root:
                os.chown(root, owner, owner)
        except PveError:
            path.unlink()
            raise

    def grow_image(self, path: Path, size: int, mounted: Path | None) -> None:
        """Make the file longer, tell the loop device, then let the file system grow into it."""
        os.truncate(path, size)
        if mounted:
            device = _run(["findmnt", "-no", "SOURCE", str(mounted)]).stdout.decode().strip()
            _run(["losetup", "-c", device])
            _run(["xfs_growfs", str(mounted)], "unable to resize")
            return
        with self._at_hand(path) as root:
            _run(["xfs_growfs", str(root)], "unable to resize")

    @contextlib.contextmanager
    def _at_hand(self, path: Path) -> Iterator[Path]:
        """An image mounted for a moment."""
        with tempfile.TemporaryDirectory(prefix="pve-image-") as folder:
            self.mount(path, Path(folder))
            try:
                yield Path(folder)
            finally:
                self.unmount(Path(folder))

    def copy_image(self, source: Path, target: Path) -> None:
        """A copy by cp, which keeps holes."""
        target.parent.mkdir(parents=True, exist_ok=True)
        _run(["cp", "--sparse=always", "--reflink=auto", str(source), str(target)], "unable to copy image")

    def mount(self, image: Path, target: Path, read_only: bool = False) -> None:
        """A loop device that frees itself, or a bind."""
        target.mkdir(parents=True, exist_ok=True)
        if image.is_dir():
            _run(["mount", "--bind", str(image), str(target)])
            if read_only:
                _run(["mount", "-o", "remount,bind,ro", str(target)])
            return
        _loop_devices()
        # A snapshot has the file system's own UUID
        _run(["mount", "-o", f"loop,nouuid{',ro' if read_only else ''}", str(image), str(target)], "mount error")

    def unmount(self, target: Path) -> None:
        """With all that is below it."""
        while self.mounted(target):
            if _run(["umount", "-R", str(target)], check=False).returncode:
                _run(["umount", "-R", "-l", str(target)])

    def plug(self, vmid: int, source: Path, target: str) -> None:
        """Into the mount namespace of its first process."""
        use = self.usage(vmid)
        if use is None:
            raise PveError(f"CT {vmid} not running")
        plug.plug(use.pid, source, target)

    def mounted(self, target: Path) -> bool:
        """By /proc/self/mounts."""
        rows = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
        return str(target) in rows

    def unpack(self, archive: Path, root: Path, owner: int, exclude: Sequence[str] = ()) -> None:
        """By tar, in a user namespace for an unprivileged container."""
        argv = ["tar", "xp", "--auto-compress", "--numeric-owner", "--xattrs", "-C", str(root), "-f", str(archive)]
        argv += [f"--exclude={pattern}" for pattern in ("./dev/*", "dev/*", *exclude)]
        _run([*_shifted(owner), *argv], f"command '{shlex.join(argv[:4])} …' failed")

    def pack(self, root: Path, archive: Path, owner: int, compress: str, exclude: Sequence[str]) -> None:
        """By tar, in the container's user namespace, so that the archive has its own owners."""
        argv = [
            "tar",
            "cp",
            "--sparse",
            "--numeric-owner",
            "--xattrs",
            "--one-file-system",
            "--warning=no-file-ignored",
        ]
        argv += [*_COMPRESS[compress], *(f"--exclude={pattern}" for pattern in exclude), "-C", str(root), "."]
        partial = archive.with_suffix(".dat")
        try:
            with partial.open("wb") as out:
                done = subprocess.run([*_shifted(owner), *argv], stdout=out, stderr=subprocess.PIPE, check=False)
            if done.returncode > 1:
                raise PveError(f"command 'tar …' failed: {done.stderr.decode(errors='replace').strip()}")
            partial.replace(archive)
        except OSError as fault:
            raise PveError(f"write failed: {fault.strerror}") from fault
        finally:
            partial.unlink(missing_ok=True)

    def attach(self, vmid: int, argv: Sequence[str], keep_env: bool) -> int:
        """lxc-attach, which has this process's input and output."""
        env = "--keep-env" if keep_env else "--clear-env"
        return subprocess.run(["lxc-attach", "-n", str(vmid), env, "--", *argv], check=False).returncode

    def push(self, vmid: int, source: Path, target: str, mode: str, owner: str) -> int:
        """Through `cat` in the container, whose own root it is that writes."""
        script = 'umask 022; cat >"$1" && { [ -z "$2" ] || chmod "$2" "$1"; } && { [ -z "$3" ] || chown "$3" "$1"; }'
        argv = ["lxc-attach", "-n", str(vmid), "--clear-env", "--", "sh", "-c", script, "sh", target, mode, owner]
        with source.open("rb") as content:
            return subprocess.run(argv, stdin=content, check=False).returncode

    def pull(self, vmid: int, source: str, target: Path, mode: str, owner: str) -> int:
        """Through `cat` in the container."""
        with target.open("wb") as out:
            argv = ["lxc-attach", "-n", str(vmid), "--clear-env", "--", "cat", source]
            status = subprocess.run(argv, stdout=out, stdin=subprocess.DEVNULL, check=False).returncode
        for change in ([["chmod", mode]] if mode else []) + ([["chown", owner]] if owner else []):
            _run([*change, str(target)])
        return status

    def remote(self, node: str, address: str, argv: Sequence[str], stdin: Path | None = None) -> int:
        """As root by the cluster's own key, with the host key that /etc/pve holds."""
        known = f"/etc/pve/nodes/{node}/ssh_known_hosts"
        options = ["BatchMode=yes", f"HostKeyAlias={node}", f"UserKnownHostsFile={known}", "GlobalKnownHostsFile=none"]
        ssh = ["ssh", "-e", "none", *(f"-o{option}" for option in options), f"root@{address}", "--", shlex.join(argv)]
        if stdin is None:
            return subprocess.run(ssh, check=False, stdin=subprocess.DEVNULL).returncode
        tar = ["tar", "c", "--sparse", "-C", str(stdin.parent), "--use-compress-program", "zstd -1", stdin.name]
        with subprocess.Popen(tar, stdout=subprocess.PIPE) as source:
            return subprocess.run(ssh, check=False, stdin=source.stdout).returncode or (source.wait() and FAILED)

    def host_key(self, kind: str, comment: str) -> tuple[bytes, bytes]:
        """By ssh-keygen."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "key"
            _run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", comment, "-f", str(path)])
            return path.read_bytes(), path.with_suffix(".pub").read_bytes()

    def space(self, path: Path) -> tuple[int, int]:
        """By statvfs."""
        with contextlib.suppress(OSError):
            found = shutil.disk_usage(path)
            return found.total, found.free
        return 0, 0

    def nft(self, text: str) -> None:
        """Read by nft from standard input."""
        done = subprocess.run(["nft", "-f", "-"], input=text.encode(), capture_output=True, check=False)
        if done.returncode:
            raise PveError(f"nft: {done.stderr.decode(errors='replace').strip()}")

    def table(self, name: str) -> str:
        """As nft lists it."""
        return _run(["nft", "list", "table", "inet", name], check=False).stdout.decode()

    def service(self, verb: str, unit: str) -> int:
        """By systemctl, which waits for it."""
        return subprocess.run(["systemctl", verb, unit], check=False, stdin=subprocess.DEVNULL).returncode


def _loop_devices() -> None:
    """A container's /dev has none of them."""
    control = Path("/dev/loop-control")
    if not control.exists():
        os.mknod(control, stat.S_IFCHR | 0o660, os.makedev(10, 237))
    for number in range(_LOOPS):
        device = Path(f"/dev/loop{number}")
        if not device.exists():
            os.mknod(device, stat.S_IFBLK | 0o660, os.makedev(7, number))


def _shifted(owner: int) -> list[str]:
    if owner != SHIFT:
        return []
    return ["lxc-usernsexec", "-m", f"u:0:{SHIFT}:65536", "-m", f"g:0:{SHIFT}:65536", "--"]
