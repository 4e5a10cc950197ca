#!/bin/sh
# calc.sh OPERATION A B: prints the result of the operation on two whole numbers.
set -eu
case "$1" in
    add) echo $(($2 + $3)) ;;
    sub) echo $(($2 - $3)) ;;
    div) echo $(($2 * $3)) ;;
    *) echo "calc.sh: unknown operation $1" >&2; exit 2 ;;
esac
