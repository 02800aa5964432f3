package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// A mutant is one change of a file: text takes the place of the bytes from start
// to end.
type mutant struct {
	file       string
	start, end int
	text       string
	line, col  int
	name       string // what it is called in the list of equivalents
}

// swaps are the operators that take the place of another. The boundary and the
// negation of a comparison are two mutants.
var swaps = map[token.Token][]token.Token{
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	token.AND: {token.OR}, token.OR: {token.AND}, token.XOR: {token.AND}, token.AND_NOT: {token.AND},
	token.SHL: {token.SHR}, token.SHR: {token.SHL},
	token.INC: {token.DEC}, token.DEC: {token.INC},
	token.ADD_ASSIGN: {token.SUB_ASSIGN}, token.SUB_ASSIGN: {token.ADD_ASSIGN}, token.MUL_ASSIGN: {token.QUO_ASSIGN},
	token.QUO_ASSIGN: {token.MUL_ASSIGN}, token.OR_ASSIGN: {token.AND_ASSIGN}, token.AND_ASSIGN: {token.OR_ASSIGN},
	token.XOR_ASSIGN: {token.AND_ASSIGN}, token.SHL_ASSIGN: {token.SHR_ASSIGN}, token.SHR_ASSIGN: {token.SHL_ASSIGN},
	token.BREAK: {token.CONTINUE}, token.CONTINUE: {token.BREAK},
}

// mutants returns every mutant of a file, in the order of the source.
func mutants(file string, src []byte) ([]mutant, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []mutant
	add := func(start, end token.Pos, text string) {
		from, to := fset.Position(start), fset.Position(end)
		found = append(found, mutant{file, from.Offset, to.Offset, text, from.Line, from.Column, name(src, from.Offset, to.Offset, text)})
	}
	swap := func(pos token.Pos, op token.Token) {
		for _, other := range swaps[op] {
			add(pos, pos+token.Pos(len(op.String())), other.String())
		}
	}
	negate := func(condition ast.Expr) {
		switch c := condition.(type) {
		case *ast.BinaryExpr: // has mutants of its own
		case *ast.UnaryExpr:
			if c.Op == token.NOT {
				add(c.Pos(), c.Pos()+1, "")
			}
		case *ast.Ident, *ast.CallExpr, *ast.SelectorExpr, *ast.IndexExpr:
			add(c.Pos(), c.Pos(), "!")
		}
	}
	// A function with results does not compile without its last return, and one
	// without results has nothing after it.
	needed := map[ast.Stmt]bool{}
	last := func(body *ast.BlockStmt) {
		if body != nil && len(body.List) > 0 {
			needed[body.List[len(body.List)-1]] = true
		}
	}
	remove := func(block []ast.Stmt) {
		for _, s := range block {
			switch s := s.(type) {
			case *ast.ExprStmt, *ast.SendStmt, *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt:
				add(s.Pos(), s.End(), "")
			case *ast.ReturnStmt:
				if !needed[s] {
					add(s.Pos(), s.End(), "")
				}
			case *ast.AssignStmt:
				if s.Tok != token.DEFINE {
					add(s.Pos(), s.End(), "")
				}
			}
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BinaryExpr:
			if !isText(n) {
				swap(n.OpPos, n.Op)
			}
			if n.Op == token.LAND || n.Op == token.LOR {
				negate(n.X)
				negate(n.Y)
			}
		case *ast.IfStmt:
			negate(n.Cond)
		case *ast.ReturnStmt:
			for _, result := range n.Results {
				if not, ok := result.(*ast.UnaryExpr); ok {
					negate(not)
				}
			}
		case *ast.IncDecStmt:
			swap(n.TokPos, n.Tok)
		case *ast.AssignStmt:
			swap(n.TokPos, n.Tok)
		case *ast.BranchStmt:
			swap(n.TokPos, n.Tok)
		case *ast.UnaryExpr:
			if n.Op == token.SUB {
				add(n.OpPos, n.OpPos+1, "")
			}
		case *ast.BasicLit:
			if i, err := strconv.ParseInt(n.Value, 0, 64); err == nil && n.Kind == token.INT {
				add(n.Pos(), n.End(), strconv.FormatInt(i+1, 10))
				add(n.Pos(), n.End(), strconv.FormatInt(i-1, 10))
			}
		case *ast.Ident:
			switch n.Name {
			case "true":
				add(n.Pos(), n.End(), "false")
			case "false":
				add(n.Pos(), n.End(), "true")
			}
		case *ast.FuncDecl:
			last(n.Body)
		case *ast.FuncLit:
			last(n.Body)
		case *ast.BlockStmt:
			remove(n.List)
		case *ast.CaseClause:
			remove(n.Body)
		case *ast.CommClause:
			remove(n.Body)
		}
		return true
	})
	slices.SortStableFunc(found, func(a, b mutant) int { return a.start - b.start })
	seen := map[string]int{}
	for i, m := range found {
		if seen[m.name]++; seen[m.name] > 1 {
			found[i].name += fmt.Sprintf(" #%d", seen[m.name])
		}
	}
	return found, nil
}

// isText reports whether an expression is text put together: it has no other
// operator that compiles.
func isText(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.BinaryExpr:
		return e.Op == token.ADD && (isText(e.X) || isText(e.Y))
	}
	return false
}

// name is the line with the change in it, in marks: it does not depend on
// where in the file the line stands. White space counts as one space; of equal
// ones the second gets a number.
func name(src []byte, start, end int, text string) string {
	from, to := start, end
	for from > 0 && src[from-1] != '\n' {
		from--
	}
	for to < len(src) && src[to] != '\n' {
		to++
	}
	marked := fmt.Sprintf("%s«%s→%s»%s", src[from:start], src[start:end], text, src[end:to])
	return strings.Join(strings.Fields(marked), " ")
}

func (m mutant) apply(src []byte) []byte {
	changed := append([]byte{}, src[:m.start]...)
	changed = append(changed, m.text...)
	return append(changed, src[m.end:]...)
}
