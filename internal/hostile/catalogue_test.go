package hostile_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.Main(m, func() error {
		numbers, err := catalogue()
		if err != nil {
			return err
		}
		exported, err := exportedErrors()
		if err != nil {
			return err
		}
		return ran.missing(numbers, exported)
	})
}

// ran is what the rows of this run were about.
var ran = record{numbers: map[string]bool{}, wanted: map[string]bool{}}

type record struct {
	mu      sync.Mutex      // guards all fields
	numbers map[string]bool // in the names of rows
	wanted  map[string]bool // names of the sentinels that a row wanted, and got
}

// runRow runs one row of the catalogue: its name begins with its number.
func runRow(t *testing.T, name string, f func(*testing.T)) {
	t.Helper()
	require.Regexp(t, `^t/\d{3} `, name, "name of a row")
	ran.mu.Lock()
	for _, number := range anyNumber.FindAllString(name, -1) {
		ran.numbers[number] = true
	}
	ran.mu.Unlock()
	t.Run(name, f)
}

// want notes that a row wanted this sentinel. What other tests want does not count.
func (r *record) want(t *testing.T, sentinel string) {
	if !anyNumber.MatchString(t.Name()) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted[sentinel] = true
}

// missing returns an error that says what the catalogue lacks: a row for a number,
// a number for a row, and a row for a sentinel.
func (r *record) missing(catalogue, exported []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var faults []error
	differ := func(a, b []string, fault string) {
		for _, name := range a {
			if !slices.Contains(b, name) {
				faults = append(faults, fmt.Errorf("%s: %s", name, fault))
			}
		}
	}
	numbers := slices.Sorted(maps.Keys(r.numbers))
	differ(catalogue, numbers, "in doc.go, but not in the name of a row")
	differ(numbers, catalogue, "in the name of a row, but not in doc.go")
	known := slices.Sorted(maps.Keys(sentinels))
	differ(exported, known, "exported, but the runner does not look for it")
	differ(known, exported, "the runner looks for it, but it is not exported")
	differ(exported, slices.Sorted(maps.Keys(r.wanted)), "not the wanted error of any row")
	return errors.Join(faults...)
}

func TestMissing(t *testing.T) {
	t.Parallel()
	all := slices.Sorted(maps.Keys(sentinels))
	of := func(names []string) map[string]bool {
		set := map[string]bool{}
		for _, name := range names {
			set[name] = true
		}
		return set
	}
	for _, row := range []struct {
		name      string
		numbers   []string // in names of rows
		wanted    []string
		catalogue []string
		exported  []string
		want      string
	}{
		{
			name:      "nothing",
			numbers:   []string{"t/001", "t/002"},
			wanted:    all,
			catalogue: []string{"t/001", "t/002"},
			exported:  all,
		},
		{
			name:      "a row",
			numbers:   []string{"t/001"},
			wanted:    all,
			catalogue: []string{"t/001", "t/002"},
			exported:  all,
			want:      "t/002: in doc.go, but not in the name of a row",
		},
		{
			name:      "a line of the catalogue",
			numbers:   []string{"t/001", "t/002"},
			wanted:    all,
			catalogue: []string{"t/002"},
			exported:  all,
			want:      "t/001: in the name of a row, but not in doc.go",
		},
		{
			name:     "a row for a sentinel",
			wanted:   all[1:],
			exported: all,
			want:     all[0] + ": not the wanted error of any row",
		},
		{
			name:     "a sentinel in the runner",
			wanted:   append([]string{"ErrNew"}, all...),
			exported: append([]string{"ErrNew"}, all...),
			want:     "ErrNew: exported, but the runner does not look for it",
		},
		{
			name:     "a sentinel in the package",
			wanted:   all,
			exported: all[1:],
			want:     all[0] + ": the runner looks for it, but it is not exported",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := record{numbers: of(row.numbers), wanted: of(row.wanted)}
			err := r.missing(row.catalogue, row.exported)
			if row.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, row.want)
			}
		})
	}
}

// anyNumber finds the numbers of attacks, in the names of tests too.
var anyNumber = regexp.MustCompile(`\bt/\d{3}`)

// catalogue returns the numbers that doc.go lists.
func catalogue() ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var numbers []string
	for line := range strings.Lines(file.Doc.Text()) {
		number := anyNumber.FindString(line)
		if number == "" || !strings.HasPrefix(strings.TrimSpace(line), number) {
			continue
		}
		if slices.Contains(numbers, number) {
			return nil, fmt.Errorf("%s: twice in doc.go", number)
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// exportedErrors returns the names of the variables that package jwtverifier
// exports: its sentinels.
func exportedErrors() ([]string, error) {
	files, err := packageFiles()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		for _, decl := range file.Decls {
			general, ok := decl.(*ast.GenDecl)
			if !ok || general.Tok != token.VAR {
				continue
			}
			for _, spec := range general.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if name.IsExported() {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names, nil
}

// packageFiles parses the source of package jwtverifier.
func packageFiles() ([]*ast.File, error) {
	names, err := filepath.Glob("../../*.go")
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil, errors.New("no source of package jwtverifier")
	}
	return files, nil
}

// The numbers that are read are those that are written.
func TestCatalogueIsRead(t *testing.T) {
	t.Parallel()
	numbers, err := catalogue()
	require.NoError(t, err)
	assert.Contains(t, numbers, "t/001")
	assert.Contains(t, numbers, "t/316")
	exported, err := exportedErrors()
	require.NoError(t, err)
	assert.Contains(t, exported, "ErrMalformed")
	assert.Contains(t, exported, "ErrIssuerMismatch")
}
