#!/usr/bin/env bash
# Mutation testing of the root package: changes one operator at a time and runs
# the tests. Prints the score, and fails if less than 95 % of the covered mutants
# are killed. Survivors that no test of behaviour can tell from the code are not
# counted: they are listed in .ci/mutation-survivors.txt, each with the reason.
# On two cores it takes over an hour.
#
#	.ci/mutation.sh [FILE...]
#
# With FILEs, verifier.go say, only those are mutated.
set -euo pipefail
cd "$(dirname "$0")/.."

gremlins=github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
threshold=95
listed=.ci/mutation-survivors.txt

# These take long, and kill nothing that others do not.
export SKIP='^(TestDocumentedPrograms|TestProviders|TestProviderRemarks|TestFailureMatrixOverASocket|TestTokenCacheKeepsWhatIsHot|TestTokenSyntaxCost|TestSoak|Benchmark.*)$'
# The tests of these files are quick to build and to run, and kill most.
export FIRST='fuzz*_test.go'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/tree"

# Gremlins copies what it works on, once per worker. Nested modules stay here.
nested=$(find . -mindepth 2 -name go.mod -not -path '*/node_modules/*' -printf '%h/\n')
git ls-files -co --exclude-standard | while read -r file; do
	case "./$file" in *.go | *.mod | *.sum | *.md | */testdata/*) ;; *) continue ;; esac
	for module in $nested; do
		case "./$file" in "$module"*) continue 2 ;; esac
	done
	[ ! -f "$file" ] || cp --parents "$file" "$work/tree"
done

# Gremlins runs this instead of the go command. It makes four differences: the
# conditions of cases, and constants, count as covered, though no block of a
# coverage profile includes them; a mutant that does not compile is not taken for
# a killed one, as go test ends with 1 either way; the quick tests are built and
# run first, by an overlay that takes the others away; and a mutant that never
# ends, or takes all the memory, ends itself.
GO=$(command -v go)
export GO
cat >"$work/bin/go" <<'SHIM'
#!/usr/bin/env bash
case "$1 $2" in
"test -cover")
	"$GO" test -short -vet=off -skip "$SKIP" -cover -coverprofile "$4" . || exit
	module=$("$GO" list -m)
	for file in *.go; do echo "$module/$file:1.1,100000.1 1 1"; done >>"$4"
	exit
	;;
"test -timeout") ;;
*) exec "$GO" "$@" ;;
esac
run() {
	(ulimit -v 8000000 && cd "$1" && "$root/mutant.test" -test.short -test.failfast -test.timeout 2m -test.skip "$SKIP") >mutant.log 2>&1 || exit 1
}
hidden=
for file in *_test.go; do
	# shellcheck disable=SC2053 # a pattern
	[[ $file == $FIRST ]] || hidden+="${hidden:+,}\"$PWD/$file\":\"\""
done
echo "{\"Replace\":{$hidden}}" >overlay.json
root=$PWD
build() { GOGC=off "$GO" test -c -vet=off -ldflags='-s -w' -o mutant.test "$@" || exit 2; }
build -overlay overlay.json .
run .
build .
run .
build ./internal/hostile
run internal/hostile
SHIM
chmod +x "$work/bin/go"

# Without a mutation nothing must fail, or every mutant would count as killed.
if ! (cd "$work/tree" && "$work/bin/go" test -timeout); then
	cat "$work/tree/mutant.log"
	exit 1
fi
rm "$work/tree"/mutant.* "$work/tree/overlay.json"

files=(--exclude-files /)
if [ $# -gt 0 ]; then
	for file in *.go; do
		case " $* " in *" $file "*) ;; *) files+=(--exclude-files "^$file\$") ;; esac
	done
fi
# go run puts the real go command first in PATH; env puts this one before it.
(cd "$work/tree" && "$GO" run -exec "env PATH=$work/bin:$PATH" "$gremlins" unleash "${files[@]}" --timeout-coefficient 100 \
	--invert-logical --invert-loopctrl --invert-assignments --invert-bitwise --invert-bwassign --remove-self-assignments .) |
	tee "$work/log"

# A survivor is named by its file, its kind and its line, with a mark before the
# changed operator, so that the list outlives changes elsewhere in the file.
count() { grep -cE "^ *$1 [A-Z_]+ at " "$work/log" || true; }
killed=$(($(count KILLED) + $(count 'TIMED OUT')))
equivalent=0 survived=0
lived=$work/lived
touch "$lived"
echo
while read -r kind position; do
	IFS=: read -r file line column <<<"$position"
	text=$(sed -n "${line}p" "$work/tree/$file")
	name="$file $kind $(cut -b "-$((column - 1))" <<<"$text" | sed 's/^[[:space:]]*//')«$(cut -b "$column-" <<<"$text")"
	echo "$name" >>"$lived"
	if grep -qxF -- "$name" "$listed"; then
		equivalent=$((equivalent + 1))
	else
		survived=$((survived + 1))
		echo "survived: $position: $name"
	fi
done < <(sed -nE 's/^ *LIVED ([A-Z_]+) at (.*)$/\1 \2/p' "$work/log")

if [ $# -eq 0 ]; then
	grep '^[a-z]*\.go ' "$listed" | grep -vxFf "$lived" | sed 's/^/listed, but did not survive: /' || true
fi

total=$((killed + survived))
[ "$total" -gt 0 ]
printf 'killed %d of %d covered mutants, %d.%d %%; %d more are equivalent; %d are not covered, %d do not compile; %d s\n' \
	"$killed" "$total" $((killed * 100 / total)) $((killed * 1000 / total % 10)) "$equivalent" "$(count 'NOT COVERED')" "$(count 'NOT VIABLE')" "$SECONDS"
[ $((killed * 100)) -ge $((threshold * total)) ]
