# The public half is written last: as long as it is missing, this runs again.
set -euo pipefail
secret=/var/lib/estate/depot-key
if [ ! -s "$secret" ]; then
    umask 077
    nix --extra-experimental-features nix-command key generate-secret --key-name "$KEY_NAME" >"$secret.new"
    mv "$secret.new" "$secret"
fi
nix --extra-experimental-features nix-command key convert-secret-to-public <"$secret" >"$secret.pub.new"
chmod 0444 "$secret.pub.new"
mv "$secret.pub.new" "$secret.pub"
