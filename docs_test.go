package jwtverifier_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every complete program in the documentation compiles, in a module that requires
// this one and what this one requires.
func TestDocumentedPrograms(t *testing.T) {
	documents, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	documents = append(documents, "README.md")

	dir := t.TempDir()
	count := map[string]int{}
	for _, document := range documents {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, program := range programs(text) {
			count[document]++
			name := fmt.Sprintf("%s-%d", strings.TrimSuffix(filepath.Base(document), ".md"), count[document])
			require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name, "main.go"), program, 0o600))
		}
	}
	assert.Equal(t, 3, count["docs/migrating.md"], "one for each library")
	assert.NotZero(t, count["README.md"])

	newModule(t, dir, "documented")
	goCommand(t, dir, "vet", "./...")
}

// newModule makes dir a module that requires this one and what this one requires.
func newModule(t *testing.T, dir, name string) {
	t.Helper()
	const module = "example.com/jwtverifier"
	root, err := os.Getwd()
	require.NoError(t, err)
	mod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(mod, []byte("module "+module+"\n")))
	mod = append([]byte("module "+name+"\n"), mod[len("module "+module+"\n"):]...)
	mod = fmt.Appendf(mod, "require %s v0.0.0\nreplace %s => %q\n", module, module, root)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), mod, 0o600))
	sum, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o600))
}

// goCommand runs the go command in a module made by newModule.
func goCommand(t *testing.T, dir string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	output, err := command.CombinedOutput()
	require.NoErrorf(t, err, "%s", output)
}

// programs returns the Go examples that begin with a package clause.
func programs(document []byte) (found [][]byte) {
	for {
		_, after, ok := bytes.Cut(document, []byte("\n```go\n"))
		if !ok {
			return found
		}
		program, rest, ok := bytes.Cut(after, []byte("\n```\n"))
		if !ok {
			return found
		}
		if bytes.HasPrefix(program, []byte("package main\n")) {
			found = append(found, append(program, '\n'))
		}
		document = append([]byte("\n"), rest...)
	}
}

// The transcript in the README is the one that examples/api is tested with.
func TestReadmeTranscript(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	transcript, err := os.ReadFile("examples/api/testdata/transcript.txt")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```console\n"+strings.TrimSpace(string(transcript))+"\n```")
}
