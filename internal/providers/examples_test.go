package providers_test

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// documentedExamples returns the Go examples of docs/providers.md by section.
func documentedExamples(t *testing.T) map[string][]string {
	t.Helper()
	document, err := os.ReadFile("../../docs/providers.md")
	require.NoError(t, err)
	examples := map[string][]string{}
	section, example, inside := "", "", false
	lines := bufio.NewScanner(bytes.NewReader(document))
	for lines.Scan() {
		switch line := strings.TrimSpace(lines.Text()); {
		case line == "```go":
			example, inside = "", true
		case line == "```" && inside:
			examples[section], inside = append(examples[section], example), false
		case inside:
			example += line + "\n"
		case strings.HasPrefix(line, "## "):
			section = strings.TrimPrefix(line, "## ")
		}
	}
	require.NotEmpty(t, examples)
	return examples
}

var exampleOptions = map[string]func(...string) jwtverifier.Option{
	"WithAudience":          jwtverifier.WithAudience,
	"WithClientID":          jwtverifier.WithClientID,
	"WithAuthorizedClients": jwtverifier.WithAuthorizedClients,
	"WithoutAudience":       func(...string) jwtverifier.Option { return jwtverifier.WithoutAudience() },
	"WithStrictTokenType":   func(...string) jwtverifier.Option { return jwtverifier.WithStrictTokenType() },
	"WithMetadataURL":       func(s ...string) jwtverifier.Option { return jwtverifier.WithMetadataURL(s[0]) },
	"WithJWKSURL":           func(s ...string) jwtverifier.Option { return jwtverifier.WithJWKSURL(s[0]) },
	"WithInsecureHTTP":      func(...string) jwtverifier.Option { return jwtverifier.WithInsecureHTTP() },
}

// evaluate returns the issuer and the options of the call of New in an example.
func evaluate(t *testing.T, example string) (issuer string, opts []jwtverifier.Option) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n"+example+"}\n", 0)
	require.NoError(t, err, example)
	body := file.Decls[0].(*ast.FuncDecl).Body.List
	require.Len(t, body, 1, example)
	call := body[0].(*ast.AssignStmt).Rhs[0].(*ast.CallExpr)
	require.Equal(t, "New", calledName(t, call))
	for _, arg := range call.Args[1:] {
		option := arg.(*ast.CallExpr)
		values := []string{}
		for _, value := range option.Args {
			values = append(values, literalText(t, value))
		}
		require.Contains(t, exampleOptions, calledName(t, option))
		opts = append(opts, exampleOptions[calledName(t, option)](values...))
	}
	return literalText(t, call.Args[0]), opts
}

func calledName(t *testing.T, call *ast.CallExpr) string {
	t.Helper()
	selector := call.Fun.(*ast.SelectorExpr)
	require.Equal(t, "jwtverifier", selector.X.(*ast.Ident).Name)
	return selector.Sel.Name
}

func literalText(t *testing.T, e ast.Expr) string {
	t.Helper()
	s, err := strconv.Unquote(e.(*ast.BasicLit).Value)
	require.NoError(t, err)
	return s
}
