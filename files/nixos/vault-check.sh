# Leaves what was found, and when, in the state directory: `estate edge status` reads it.
printf '%s %s\n' "$(date +%s)" "$(printf '%s' "$verdict" | tr '\n' ' ')" >"$STATE_DIRECTORY/.integrity"
mv "$STATE_DIRECTORY/.integrity" "$STATE_DIRECTORY/integrity"
if [ "$verdict" != ok ]; then
    printf 'the database is damaged: %s\n' "$verdict" >&2
    exit 1
fi
