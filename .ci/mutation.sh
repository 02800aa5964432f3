#!/usr/bin/env bash
# Mutation testing: changes one thing at a time in a package (.ci/mutate says
# what) and runs its tests. Prints what survives and the score, and fails if less
# than 95 % of a package's covered mutants are killed. Survivors that no test of
# behaviour can tell from the code are not counted: they are listed in
# .ci/mutation-survivors.txt, each with the reason.
#
#	.ci/mutation.sh [-v] [-sample N] [-seed S] [-tags TAGS] [PACKAGE...]
#
# A PACKAGE is a folder, `.` for the root. Of each, N mutants are drawn by lot, or
# all are taken if N is 0 or not given; the same seed draws the same. Without
# PACKAGE it is all of the small packages and, unless N says otherwise, 300 of the
# root's mutants. -v also prints which test killed which mutant. Nothing else should
# run at the same time: tests that wait for something kill mutants on a busy machine.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOFLAGS="${GOFLAGS:-} -buildvcs=false"

sample=0 root_sample=300 seed=1 tags='' verbose=()
while [ $# -gt 0 ]; do
	case $1 in
	-v)
		verbose=(-v)
		shift
		continue
		;;
	-sample) sample=$2 root_sample=$2 ;;
	-seed) seed=$2 ;;
	-tags) tags=$2 ;;
	-*)
		echo "no such flag: $1" >&2
		exit 2
		;;
	*) break ;;
	esac
	shift 2
done
if [ $# -eq 0 ]; then
	for package in internal/strict internal/web internal/jose httpauth introspection; do
		[ ! -d "$package" ] || set -- "$@" "$package"
	done
	set -- "$@" .
else
	root_sample=$sample
fi

# These look at files, or wait, and kill nothing that others do not.
skip='^(TestDocumentedPrograms|TestDependencies.*|TestStructure.*|TestSoak|TestFailureMatrixOverASocket|TestTokenCacheKeepsWhatIsHot|TestTokenSyntaxCost)$'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go -C .ci/mutate build -o "$work/mutate" .

failed=()
for package in "$@"; do
	package=${package#./}
	drawn=$sample
	suites=()
	case $package in
	.)
		drawn=$root_sample
		# The tests of the root's behaviour that live elsewhere, for what its own miss.
		for suite in internal/hostile internal/outage internal/providers; do
			[ ! -d "$suite" ] || suites+=("$suite")
		done
		;;
	internal/*) suites=(.) ;;
	esac
	TMPDIR=$work "$work/mutate" "${verbose[@]}" -package "$package" -suites "$(IFS=,; echo "${suites[*]}")" -sample "$drawn" -seed "$seed" \
		-tags "$tags" -skip "$skip" -equivalents .ci/mutation-survivors.txt || failed+=("$package")
done
if [ ${#failed[@]} -gt 0 ]; then
	echo "failed: ${failed[*]}"
	exit 1
fi
