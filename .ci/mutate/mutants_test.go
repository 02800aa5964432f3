package main

import (
	"slices"
	"strings"
	"testing"
)

const source = `package p

import "fmt"

const limit = 2

func f(a int, ok bool) (bool, error) {
	if a < 0 && !ok {
		return false, fmt.Errorf("a" + "b")
	}
	for range a {
		a++
		if ok {
			break
		}
		fmt.Println(a)
		fmt.Println(a)
	}
	switch {
	case a == -3:
		a = 1
	}
	return !ok, nil
}
`

func TestMutants(t *testing.T) {
	found, err := mutants("p.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range found {
		names = append(names, m.name)
	}
	want := []string{
		"const limit = «2→3»",
		"const limit = «2→1»",
		"if a «<→<=» 0 && !ok {",
		"if a «<→>=» 0 && !ok {",
		"if a < «0→1» && !ok {",
		"if a < «0→-1» && !ok {",
		"if a < 0 «&&→||» !ok {",
		"if a < 0 && «!→»ok {",
		`«return false, fmt.Errorf("a" + "b")→»`,
		`return «false→true», fmt.Errorf("a" + "b")`,
		"«a++→»",
		"a«++→--»",
		"if «→!»ok {",
		"«break→continue»",
		"«fmt.Println(a)→»",
		"«fmt.Println(a)→» #2",
		"case a «==→!=» -3:",
		"case a == «-→»3:",
		"case a == -«3→4»:",
		"case a == -«3→2»:",
		"«a = 1→»",
		"a = «1→2»",
		"a = «1→0»",
		"return «!→»ok, nil",
	}
	if !slices.Equal(names, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
}

func TestApply(t *testing.T) {
	found, err := mutants("p.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range found {
		if m.name != "if a < 0 «&&→||» !ok {" {
			continue
		}
		if got, want := string(m.apply([]byte(source))), strings.Replace(source, "&&", "||", 1); got != want {
			t.Errorf("got:\n%s", got)
		}
		if m.line != 8 || m.col != 11 {
			t.Errorf("at %d:%d", m.line, m.col)
		}
		return
	}
	t.Error("no such mutant")
}

func TestDrawIsRepeatable(t *testing.T) {
	from, err := mutants("p.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { *sample, *seed = 0, 1 }()
	if len(draw(from)) != len(from) {
		t.Error("0 means all")
	}
	*sample, *seed = 5, 7
	first := draw(from)
	if len(first) != 5 || !slices.Equal(first, draw(from)) {
		t.Error("the same seed draws the same")
	}
	if *seed = 8; slices.Equal(first, draw(from)) {
		t.Error("another seed draws others")
	}
}

// What is in a block that was not reached is not covered; what is in no block is.
func TestCovers(t *testing.T) {
	s := suite{blocks: map[string][]block{"p.go": {{8, 19, 10, 3, false}, {11, 2, 12, 6, true}}}}
	for line, want := range map[int]bool{5: true, 9: false, 11: true} {
		if got := s.covers(mutant{file: "p.go", line: line, col: 3}); got != want {
			t.Errorf("line %d: %v", line, got)
		}
	}
}
