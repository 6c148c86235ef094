# Estate: for every login shell.
# No core dumps: they hold the secrets of the process that crashed.
ulimit -c 0
# A prompt that nobody has typed at for an hour ends; a command that runs is not idle. Not exported: bash takes it
# as the timeout of `read` in scripts, too. Not set twice: it is read-only.
case $- in
*i*)
    if (unset TMOUT) 2>/dev/null; then
TMOUT=3600
readonly TMOUT
    fi
    ;;
esac
