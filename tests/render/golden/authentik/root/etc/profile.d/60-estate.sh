# Estate: for every login shell.
# No core dumps: they hold the secrets of the process that crashed.
ulimit -c 0
# A shell that nobody has typed into for an hour ends; a command that runs in it is not idle.
TMOUT=3600
readonly TMOUT
export TMOUT
