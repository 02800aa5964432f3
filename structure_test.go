package jwtverifier_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const maxLines = 450

// namedTests are the tests that are about no single file.
var namedTests = []string{
	"dependencies_test.go", "docs_test.go", "example_test.go", "main_test.go", "structure_test.go",
	"fuzz_internal_test.go", "fuzz_rules_test.go", "fuzz_seeds_test.go", "fuzz_test.go",
}

// No two files of the package need each other, so that each can be understood
// from those that it needs.
func TestStructurePairs(t *testing.T) {
	needs := loadPackage(t, ".").needs()
	if !assert.Empty(t, pairs(needs), "files that need each other") {
		for _, pair := range pairs(needs) {
			a, b, _ := strings.Cut(pair, " ")
			t.Logf("%s needs of %s: %s", a, b, strings.Join(needs[a][b], ", "))
			t.Logf("%s needs of %s: %s", b, a, strings.Join(needs[b][a], ", "))
		}
	}
}

// The check sees a pair, whatever it is that one file needs of the other.
func TestStructureSeesPairs(t *testing.T) {
	const lower = `package p

type T struct{ Field int }

func (T) Method() {}

func Function() {}

const Constant = 1

var Variable int

func low() { up() }
`
	const between = "package p\n\nfunc value() (t T) { return t }\n"
	for _, use := range []string{"var _ T", "value().Method()", "_ = value().Field", "Function()", "_ = Constant", "_ = Variable"} {
		p := checkPackage(t, "p", nil, map[string]string{
			"lower.go":   lower,
			"between.go": between,
			"upper.go":   "package p\n\nfunc up() { " + use + " }\n",
		})
		assert.Equal(t, []string{"lower.go upper.go"}, pairs(p.needs()), use)
	}

	p := checkPackage(t, "p", nil, map[string]string{
		"lower.go":   lower,
		"between.go": between,
		"upper.go":   "package p\n\nfunc up() { value() }\n",
	})
	assert.Empty(t, pairs(p.needs()), "a circle of three is no pair")
}

// The root holds the sources, a test beside each (and another where one must see
// inside), and the few that are named above. CONTRIBUTING.md says what is in each
// source.
func TestStructureRoot(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	guide, err := os.ReadFile("CONTRIBUTING.md")
	require.NoError(t, err)
	var tooLong, misplaced []string
	for _, file := range files {
		source, isTest := strings.CutSuffix(file, "_test.go")
		if isTest {
			source = strings.TrimSuffix(source, "_internal")
			if !slices.Contains(files, source+".go") && !slices.Contains(namedTests, file) {
				misplaced = append(misplaced, file)
			}
			continue
		}
		if !strings.Contains(string(guide), "`"+file+"`") {
			misplaced = append(misplaced, file)
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if bytes.Count(text, []byte("\n")) > maxLines && file != "options.go" { // most of which is documentation
			tooLong = append(tooLong, file)
		}
	}
	assert.Empty(t, tooLong, "files of more than %d lines", maxLines)
	assert.Empty(t, misplaced, "tests without a source beside them, and sources that CONTRIBUTING.md does not name")
}

// A checkedPackage is the files of a package, without tests, and what each name
// in them means.
type checkedPackage struct {
	fset  *token.FileSet
	types *types.Package
	uses  map[*ast.Ident]types.Object
}

// loadPackage checks the package in a folder of this module, as this build has it.
func loadPackage(t *testing.T, dir string) checkedPackage {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-export", "-json=ImportPath,Dir,GoFiles,Export,DepOnly", "./"+dir)
	var complaints bytes.Buffer
	list.Stderr = &complaints
	output, err := list.Output()
	require.NoErrorf(t, err, "%s", complaints.Bytes())

	exports, files, path := map[string]string{}, map[string]string{}, ""
	for dec := json.NewDecoder(bytes.NewReader(output)); dec.More(); {
		var p struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
			DepOnly                 bool
		}
		require.NoError(t, dec.Decode(&p))
		exports[p.ImportPath] = p.Export
		if p.DepOnly {
			continue
		}
		path = p.ImportPath
		for _, file := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			require.NoError(t, err)
			files[file] = string(text)
		}
	}
	return checkPackage(t, path, func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }, files)
}

func checkPackage(t *testing.T, path string, lookup importer.Lookup, files map[string]string) checkedPackage {
	t.Helper()
	p := checkedPackage{fset: token.NewFileSet(), uses: map[*ast.Ident]types.Object{}}
	var parsed []*ast.File
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file, err := parser.ParseFile(p.fset, name, files[name], parser.SkipObjectResolution)
		require.NoError(t, err)
		parsed = append(parsed, file)
	}
	config := types.Config{Importer: importer.ForCompiler(p.fset, "gc", lookup)}
	var err error
	p.types, err = config.Check(path, p.fset, parsed, &types.Info{Uses: p.uses})
	require.NoError(t, err)
	return p
}

// needs returns, for each file, the files that it needs, and which names of theirs.
func (p checkedPackage) needs() map[string]map[string][]string {
	needs := map[string]map[string][]string{}
	for ident, object := range p.uses {
		if object.Pkg() != p.types {
			continue
		}
		from, to := p.fset.Position(ident.Pos()).Filename, p.fset.Position(object.Pos()).Filename
		if from == to {
			continue
		}
		if needs[from] == nil {
			needs[from] = map[string][]string{}
		}
		if !slices.Contains(needs[from][to], ident.Name) {
			needs[from][to] = append(needs[from][to], ident.Name)
			slices.Sort(needs[from][to])
		}
	}
	return needs
}

// pairs returns the files that need each other.
func pairs(needs map[string]map[string][]string) (found []string) {
	for a := range needs {
		for b := range needs[a] {
			if a < b && needs[b][a] != nil {
				found = append(found, fmt.Sprintf("%s %s", a, b))
			}
		}
	}
	return slices.Sorted(slices.Values(found))
}
