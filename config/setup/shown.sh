#!/usr/bin/env bash
# Run a command that talks much or not at all, and show in one line what it does: on a terminal its newest line and the
# time since it began, into a pipe a line every 15 s. All it says goes to LOG, whose end is shown when it fails.
# Usage: shown.sh LOG TITLE COMMAND...
set -u
log=$1 title=$2
shift 2
every_s=15
export PYTHONUNBUFFERED=1 # what Python prints into a pipe would come in one piece at the end
on_terminal=0
[ -t 1 ] && on_terminal=1 every_s=1

show() {
    local line='' newest=working told_s=0
    while true; do
        if IFS= read -r -t "$every_s" line; then
            printf '%s\n' "$line" >>"$log"
            line=${line//[^[:print:]]/ }
            # a compiler's command line says nothing to people
            [[ -z ${line// /} || $line == *" -"* ]] || newest=$line
        elif [ $? -le 128 ]; then # the end, not the time-out
            break
        fi
        ((SECONDS - told_s >= every_s)) || continue
        told_s=$SECONDS
        if ((on_terminal)); then
            printf '\r\033[K%.79s' "  ${SECONDS} s: $newest"
        else
            printf '%.79s\n' "  ${SECONDS} s: $newest"
        fi
    done
    ((on_terminal)) && printf '\r\033[K'
    return 0
}

mkdir -p "$(dirname "$log")"
echo "$title"
: >"$log"
"$@" </dev/null 2>&1 | show
status=${PIPESTATUS[0]}
if ((status)); then
    tail -n 15 "$log" >&2
    echo "this did not work: $title. The whole output is in $log; run the same command again to go on" >&2
fi
exit "$status"
