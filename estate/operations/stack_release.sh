# Keeps a copy of what the stack was deployed from: the state to which a later run goes back when it fails.
# Reads STATE PROJECT COMPOSE_DIR SECRETS_DIR RELEASE HANDLERS DATA_DIRS KEEP.
umask 077
releases=$STATE/releases/$PROJECT
mkdir -p "$releases" "$STATE/applied" || exit 1
rm -rf "$releases"/.new
mkdir -p "$releases/.new/files" "$releases/.new/stamps" || exit 1
cp -p "$STATE/trees/docker_stack" "$releases/.new/manifest" || exit 1
# Only what is ours: whatever else lies there is not gone back to either.
# From /, or cp does not find the parents whose modes it copies
cd / || exit 1
grep -e "^$COMPOSE_DIR/" -e "^$SECRETS_DIR/" "$releases/.new/manifest" | cut -f1 |
    xargs cp -a --parents -t "$releases/.new/files" || exit 1
stat -c '%u:%g %a %n' $DATA_DIRS >"$releases/.new/data" || exit 1
for handler in $HANDLERS; do
    [ ! -f "$STATE/applied/$handler" ] || cp -p "$STATE/applied/$handler" "$releases/.new/stamps/" || exit 1
done
sync -f "$releases/.new"
name=$(date -u +%Y%m%dT%H%M%SZ)
while [ -e "$releases/$name" ]; do
    sleep 0.2
    name=$(date -u +%Y%m%dT%H%M%SZ)
done
mv -T "$releases/.new" "$releases/$name" || exit 1
# Data that were copied before another version got at them belong to the release before this one
rm -f "$STATE/snapshots/$PROJECT/pending"
ls -1 "$releases" | grep -E '^[0-9]{8}T[0-9]{6}Z$' | head -n -"$KEEP" | while read -r old; do
    rm -rf "${releases:?}/$old"
done
