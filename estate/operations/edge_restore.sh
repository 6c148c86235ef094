# On a node: puts a backup of its vault, a base64 tar on standard input, in the place of what is there, which is kept
# aside. Reads NAME (its public name). Run again after an interruption it does the whole again.
set -eu
export LC_ALL=C PATH=/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
state=/var/lib/clavitor
work=$state/.restore
owner=$(stat -c %u:%g "$state")
rm -rf "$work"
mkdir "$work"
trap 'rm -rf "$work"' EXIT
base64 -d | tar -xf - -C "$work"
said=$(sqlite3 -readonly "$work/clavitor.db" 'PRAGMA integrity_check' 2>&1) || :
[ "$said" = ok ] || { echo "the backup's database is not well, nothing was changed: $said" >&2; exit 1; }
chown -R "$owner" "$work"
aside=$state/backups/replaced-$(date -u +%Y%m%dT%H%M%SZ)
mkdir -p "$aside"
systemctl stop clavitor.service
# Whatever happens now: a node that serves old data is better than one that serves none
trap 'rm -rf "$work"; systemctl start clavitor.service' EXIT
for file in clavitor.db clavitor.db-wal clavitor.db-shm; do
    [ ! -e "$state/$file" ] || mv -f "$state/$file" "$aside/"
done
mv -f "$work/clavitor.db" "$state/clavitor.db"
if [ -d "$work/autocert" ]; then
    [ ! -d "$state/autocert" ] || mv "$state/autocert" "$aside/"
    mv "$work/autocert" "$state/autocert"
fi
sync "$state/clavitor.db"
systemctl start clavitor.service
for _ in $(seq 30); do
    code=$(curl -sk -o /dev/null -w '%{http_code}' --max-time 5 --resolve "$NAME:443:127.0.0.1" "https://$NAME/health") || :
    [ "$code" != 200 ] || { printf '%s\n' "$aside"; exit 0; }
    sleep 1
done
echo "restored, and https://$NAME/health answers $code; what was there is in $aside" >&2
exit 1
