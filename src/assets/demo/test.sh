#!/bin/sh
# Tests calc.sh; the exit code is the number of failures.
failures=0
expect() {
    wanted=$1
    shift
    found=$(sh calc.sh "$@" 2>&1) || found="$found (exit code $?)"
    if [ "$found" = "$wanted" ]; then
        echo "ok: $*"
    else
        echo "FAILED: $*: expected $wanted, found $found"
        failures=$((failures + 1))
    fi
}
expect 5 add 2 3
expect 4 sub 7 3
expect 6 div 18 3
expect "calc.sh: division by zero (exit code 1)" div 1 0
exit "$failures"
