package jwtverifier_test

import (
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	jwxModule  = "github.com/lestrrat-go/jwx/v2"
	jsonModule = "github.com/go-json-experiment/json"
)

// jwxUse is all that is used of jwx, which is no longer maintained upstream: the
// packages, the symbols, and the one file that may import it. .github/SECURITY.md
// and .github/openvex.json say why its advisory does not apply, and they must be
// true of any symbol that is added.
var jwxUse = struct {
	file     string
	packages []string
	symbols  []string
}{
	file:     "internal/jose/jwx.go",
	packages: []string{jwxModule + "/jwk"},
	symbols: []string{
		"(jwk.Key).Raw",
		"jwk.ParseKey",
	},
}

// What the packages import from outside the standard library, in any build: one
// JSON module, and jwx in one file. Tests also import testify.
func TestDependenciesAreFew(t *testing.T) {
	fset := token.NewFileSet()
	seen := map[string]bool{}
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != "." {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil || entry.Name() == "testdata" || entry.Name()[0] == '.' {
				return filepath.SkipDir
			}
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		isTest := strings.HasSuffix(path, "_test.go")
		for _, spec := range file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			module := func(name string) bool { return imported == name || strings.HasPrefix(imported, name+"/") }
			switch {
			case !strings.Contains(strings.Split(imported, "/")[0], "."), module("example.com/jwtverifier"), module(jsonModule):
			case isTest && (module("github.com/stretchr/testify") || module(jwxModule)):
			case path == jwxUse.file && slices.Contains(jwxUse.packages, imported):
				seen[imported] = true
			default:
				t.Errorf("%s imports %s", path, imported)
			}
		}
		return nil
	}))
	assert.ElementsMatch(t, jwxUse.packages, slices.Collect(maps.Keys(seen)), "what %s imports of jwx", jwxUse.file)
}

// Of jwx exactly this is used, methods included.
func TestDependenciesJWXSymbols(t *testing.T) {
	used := map[string]bool{}
	for _, object := range loadPackage(t, filepath.Dir(jwxUse.file)).uses {
		if _, isName := object.(*types.PkgName); isName || object.Pkg() == nil || !strings.HasPrefix(object.Pkg().Path(), jwxModule+"/") {
			continue
		}
		symbol := object.Pkg().Path() + "." + object.Name()
		if function, ok := object.(*types.Func); ok {
			symbol = function.FullName()
		}
		used[strings.ReplaceAll(symbol, jwxModule+"/", "")] = true
	}
	assert.Equal(t, jwxUse.symbols, slices.Sorted(maps.Keys(used)))
}

// docs/dependencies.md names every module that go.mod requires.
func TestDependenciesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("docs/dependencies.md")
	require.NoError(t, err)
	for module := range requirements(t) {
		assert.Contains(t, string(page), "`"+module+"`")
	}
}

// What scanners read about jwx has the members that OpenVEX v0.2.0 requires, and
// is about the version in go.mod.
func TestDependenciesVEX(t *testing.T) {
	text, err := os.ReadFile(".github/openvex.json")
	require.NoError(t, err)
	type component struct {
		ID            string      `json:"@id"`
		Subcomponents []component `json:"subcomponents"`
	}
	var document struct {
		Context    string    `json:"@context"`
		ID         string    `json:"@id"`
		Author     string    `json:"author"`
		Role       string    `json:"role"`
		Timestamp  time.Time `json:"timestamp"`
		Version    int       `json:"version"`
		Statements []struct {
			Vulnerability struct {
				Name        string `json:"name"`
				Description string `json:"description"`
			} `json:"vulnerability"`
			Products        []component `json:"products"`
			Status          string      `json:"status"`
			Justification   string      `json:"justification"`
			ImpactStatement string      `json:"impact_statement"`
		} `json:"statements"`
	}
	require.NoError(t, json.Unmarshal(text, &document, json.RejectUnknownMembers(true)))
	assert.Equal(t, "https://openvex.dev/ns/v0.2.0", document.Context)
	id, err := url.Parse(document.ID)
	require.NoError(t, err)
	assert.True(t, id.IsAbs(), "@id is an IRI")
	assert.NotEmpty(t, document.Author)
	assert.False(t, document.Timestamp.IsZero())
	assert.Positive(t, document.Version)

	require.Len(t, document.Statements, 1)
	s := document.Statements[0]
	assert.Equal(t, "GHSA-4cf7-xm37-g63h", s.Vulnerability.Name)
	assert.Equal(t, "not_affected", s.Status)
	assert.Equal(t, "vulnerable_code_not_in_execute_path", s.Justification)
	assert.NotEmpty(t, s.ImpactStatement)
	assert.Equal(t, []component{{
		ID:            "pkg:golang/example.com/jwtverifier",
		Subcomponents: []component{{ID: "pkg:golang/" + jwxModule + "@" + requirements(t)[jwxModule]}},
	}}, s.Products)
}

// requirements returns the modules that go.mod requires, and their versions.
func requirements(t *testing.T) map[string]string {
	t.Helper()
	mod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	found := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)`).FindAllStringSubmatch(string(mod), -1) {
		found[line[1]] = line[2]
	}
	require.NotEmpty(t, found)
	return found
}
