package hostile_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The attacks are numbered, and a test's name begins with the number of the one
// it is about: t/031. The numbers have gaps.

// notTested are the attacks without a complete test, and why. All the others have
// one.
var notTested = map[string]string{
	"t/284": "nothing outside the package can set the machine's clocks or suspend it: what is tested here is the claims' clock, and the rest in refresh_internal_test.go",
	"t/289": "ten million kids take too long: a hundred thousand show that nothing is kept",
	"t/301": "a million tokens are a benchmark: the test compares allocations, and the time of a refusal with that of an acceptance",
	"t/311": "a leeway cannot be NaN: it is a time.Duration",
}

// Every sentinel of the package is the wanted one of some row, and is among
// those that the runner looks for.
func TestSentinels(t *testing.T) {
	t.Parallel()
	exported := map[string]bool{}
	for _, file := range packageFiles(t) {
		for _, decl := range file.Decls {
			general, ok := decl.(*ast.GenDecl)
			if !ok || general.Tok != token.VAR {
				continue
			}
			for _, spec := range general.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(name.Name, "Err") {
						exported[name.Name] = true
					}
				}
			}
		}
	}
	require.Len(t, allReasons, len(exported)-1, "allReasons and ErrInvalidToken are all the sentinels")

	listed, wanted := map[string]bool{"ErrInvalidToken": true}, map[string]bool{"ErrInvalidToken": true} // the latter of every refusal
	tested := map[string]bool{}
	names, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			local := map[string]string{} // short names for sentinels
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ValueSpec:
					if n.Names[0].Name == "allReasons" {
						for _, element := range n.Values[0].(*ast.CompositeLit).Elts {
							listed[sentinelOf(element, nil)] = true
						}
					}
					for i, value := range n.Values {
						local[n.Names[i].Name] = sentinelOf(value, nil)
					}
				case *ast.AssignStmt:
					for i, value := range n.Rhs {
						if x, ok := n.Lhs[i].(*ast.Ident); ok && sentinelOf(value, nil) != "" {
							local[x.Name] = sentinelOf(value, nil)
						}
					}
				case *ast.BasicLit:
					for _, number := range catalogueNumber.FindAllString(n.Value, -1) {
						tested[number] = true
					}
				case *ast.CompositeLit: // a row: its name, and what is wanted
					if holdsNumber(n) {
						for _, element := range n.Elts {
							wanted[sentinelOf(element, local)] = true
						}
					}
				case *ast.CallExpr: // an assertion in a test that is no table
					f, ok := n.Fun.(*ast.Ident)
					if ok && slices.Contains([]string{"refuses", "onlyReasons", "refusedBecause", "unavailable", "add"}, f.Name) && holdsNumber(decl) {
						for _, argument := range n.Args {
							wanted[sentinelOf(argument, local)] = true
						}
					}
				}
				return true
			})
		}
	}
	delete(wanted, "")
	delete(listed, "")
	assert.Equal(t, exported, listed)
	assert.Equal(t, exported, wanted)
	for number := range notTested {
		assert.Contains(t, tested, number, "tested in part")
	}
	assert.GreaterOrEqual(t, len(tested), 241, "attacks")
}

// packageFiles parses the source of package jwtverifier.
func packageFiles(t *testing.T) []*ast.File {
	t.Helper()
	names, err := filepath.Glob("../../*.go")
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	require.NotEmpty(t, files)
	return files
}

// sentinelOf returns the name of the sentinel that an expression is, "" if none.
func sentinelOf(x ast.Expr, local map[string]string) string {
	switch x := x.(type) {
	case *ast.KeyValueExpr:
		return sentinelOf(x.Value, local)
	case *ast.Ident:
		return local[x.Name]
	case *ast.SelectorExpr:
		if p, ok := x.X.(*ast.Ident); ok && p.Name == "jwtverifier" && strings.HasPrefix(x.Sel.Name, "Err") {
			return x.Sel.Name
		}
	}
	return ""
}

func holdsNumber(n ast.Node) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && catalogueNumber.MatchString(l.Value) {
			found = true
		}
		return !found
	})
	return found
}

var catalogueNumber = regexp.MustCompile(`\bt/\d{3}\b`)
