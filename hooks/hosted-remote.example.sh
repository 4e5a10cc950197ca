#!/bin/sh
# An example, to copy and change: work from a remote whose server runs no hooks of yours (GitHub, GitLab and the like).
#
# Run it every few minutes in a clone that Millrace works in, by cron or a timer:
#
#     */5 * * * * cd /srv/project && sh hosted-remote.example.sh origin main
#
# It fetches one branch and gives each task that was added or changed there below `tasks/` to the queue. It never runs
# what it fetched, and it does not touch the work tree, the index or a branch. Whoever may push to that branch may
# write tasks, so what comes in is held until `millrace release`.
#
# The same commands do in a job of the host's own CI, on a runner that keeps its clone: replace the two lines that
# remember how far it came by the range that the host names.
set -eu

remote=${1:-origin}
branch=${2:-main}

# A key of this script's own in the repository's configuration: the last commit that it has looked at.
seen=$(git config --get "millracePoll.$remote.$branch" || git hash-object -t tree --stdin </dev/null)
git fetch --quiet --no-tags "$remote" "refs/heads/$branch"
now=$(git rev-parse FETCH_HEAD)
[ "$seen" != "$now" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Added or changed, as they stand at the branch's end; `-z` for names with anything in them.
git diff-tree -r -z --no-renames --diff-filter=AM --raw "$seen" "$now" -- tasks |
    tr '\0' '\n' |
    while IFS=' ' read -r _ mode _ blob _ && IFS= read -r path; do
        case $mode:$path in
        100[67][45][45]:*.md) ;;
        *) continue ;;
        esac
        git cat-file blob "$blob" >"$work/task.md"
        # The key is the document's own, so that nothing comes in twice, however often this runs.
        millrace queue add-task "$work/task.md" \
            --idempotency-key "poll-$blob" \
            --origin "$remote/$branch at $now, $path" ||
            case $? in
            # What is wrong with the document stays wrong; whatever else it was is tried again the next time.
            1 | 2) echo "$path at $now was not taken" >&2 ;;
            *) exit 1 ;;
            esac
    done

git config "millracePoll.$remote.$branch" "$now"
