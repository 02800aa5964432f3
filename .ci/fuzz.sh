#!/usr/bin/env bash
# Runs every fuzz target of the repository for SECONDS each, 10 by default; 300
# make an hour of it. What a target finds it leaves in testdata/fuzz of its
# package, to be committed with the fix.
#
#	.ci/fuzz.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-10}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Until Go 1.27 a run that found nothing now and then ends with an error for no
# other reason than that its time is up: https://go.dev/issue/75804.
fuzz() {
	(cd "$1" && go test -run '^$' -fuzz "^$2\$" -fuzztime "${seconds}s" -fuzzminimizetime 1s .) | tee "$log" ||
		{ grep -q '^ *context deadline exceeded$' "$log" && ! grep -q 'Failing input written' "$log"; }
}

directories=$(grep -rl --include='*_test.go' --exclude-dir=node_modules '^func Fuzz' . | xargs -n1 dirname | sort -u)
failed=()
for directory in $directories; do
	targets=$(cd "$directory" && go test -list '^Fuzz' . | grep '^Fuzz')
	for target in $targets; do
		printf '\n=== %s %s, %s s\n' "$directory" "$target" "$seconds"
		fuzz "$directory" "$target" || failed+=("$directory $target")
	done
done

if [ ${#failed[@]} -gt 0 ]; then
	printf '\nfailed:\n'
	printf '  %s\n' "${failed[@]}"
	exit 1
fi
printf '\nno target failed\n'
