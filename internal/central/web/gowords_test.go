package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// TestWordsMadeInGo: all Vietnamese that handlers make goes through say and has English,
// or stands beside its English already: in a problem, a refusal, an answer.
func TestWordsMadeInGo(t *testing.T) {
	en, err := readWords(assets)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.CallExpr:
				if called := calledName(x.Fun); called == "Add" && len(x.Args) == 3 || called == "add" && len(x.Args) == 3 || called == "Refuse" {
					return false
				}
			case *ast.CompositeLit:
				if kind, ok := x.Type.(*ast.Ident); ok && slices.Contains([]string{"told", "statusError", "answer"}, kind.Name) {
					return false
				}
			case *ast.AssignStmt:
				if to, ok := x.Lhs[0].(*ast.SelectorExpr); ok && to.Sel.Name == "VI" {
					return false
				}
			case *ast.BasicLit:
				text, err := strconv.Unquote(x.Value)
				if err != nil || x.Kind != token.STRING || !strings.ContainsFunc(text, func(r rune) bool { return r > 0x7f && unicode.IsLetter(r) }) {
					return true
				}
				// The name of the house, a part of an error with its English, a prefix people type.
				own := []string{"Loa Xã", notJSON, "cụm:"}
				if found++; en[text] == "" && !slices.Contains(own, text) {
					t.Errorf("%s: %q has no English, or no English beside it", set.Position(x.Pos()), text)
				}
			}
			return true
		})
	}
	if found < 100 {
		t.Fatalf("only %d words found: the search is broken", found)
	}
}

func calledName(f ast.Expr) string {
	switch x := f.(type) {
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.Ident:
		return x.Name
	}
	return ""
}
