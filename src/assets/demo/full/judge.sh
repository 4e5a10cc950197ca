#!/bin/sh
# What the judge of the demo does: it tries what the idea asked for, on the code that it was given, and says of each
# criterion what it found. It stands in for an agent.
set -eu
verdict=$MILLRACE_RUN_DIR/verdict.json
snapshot=$(sed -n 's/^snapshot = "\(.*\)"$/\1/p' "$MILLRACE_RUN_DIR/request.toml")
result=ARBITER_COMPLETE
criteria=
criterion() {
    said=$(sh calc.sh $2 2>&1) || true
    finding=pass
    if [ "$said" != "$3" ]; then
        finding=gap
        result=REMEDIATION_NEEDED
    fi
    criteria="$criteria${criteria:+, }{\"id\": \"$1\", \"text\": \"calc.sh $2 says: $3\", \"source\": \"the idea\",
        \"finding\": \"$finding\", \"evidence\": \"it said: $said\"}"
}
criterion quotient "div 18 3" "6"
criterion zero "div 1 0" "calc.sh: division by zero"
criterion help "help" "calc.sh add|sub|div A B"
printf '{"snapshot": "%s", "criteria": [%s]}\n' "$snapshot" "$criteria" > "$verdict"
printf 'Judged %s.\n\n    %s\n' "$snapshot" "$criteria" > "$MILLRACE_RUN_DIR/arbiter_report.md"
printf '{"nonce": "%s", "terminal_result": "%s", "summary": "calc.sh was tried as the idea asks."}\n' \
    "$MILLRACE_INVOCATION" "$result" > "$MILLRACE_RESULT_FILE"
