# Inside a container that was just made, through its node: what the deploy itself needs to log in.
# Reads PACKAGES; defines nothing: the functions accounts and files come before it.
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
missing=
for package in $PACKAGES; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q ^ii || missing="$missing $package"
done
if [ -n "$missing" ]; then
    # It may have booted a second ago: its network takes a while
    tries=0
    until apt-get -qq -o DPkg::Lock::Timeout=120 update; do
        tries=$((tries + 1))
        [ $tries -lt 10 ] || { echo "apt-get update fails in the container: see its network and nameserver" >&2; exit 1; }
        sleep 3
    done
    apt-get -y -qq -o DPkg::Lock::Timeout=120 --no-install-recommends install $missing
fi
accounts
files
systemctl enable --now ssh >/dev/null 2>&1
