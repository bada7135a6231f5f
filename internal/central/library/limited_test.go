package library

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestUploadsAreReadInTheChildOnly: what looks into an upload (its kind, containers,
// frames, sound) can be reached from the limited child's main alone. The centre itself
// copies bytes, and hashes them.
func TestUploadsAreReadInTheChildOnly(t *testing.T) {
	hostile := []string{"work", "sniff", "openUpload", "openMPEG", "probe", "walkMPEG", "findMPEG", "checkMP4", "walkAMR", "wavSniffed", "decodeSource", "decodeMix", "decodeFreeFormat"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	calls, exported := map[string][]string{}, []string{}
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fd, ok := d.(*ast.FuncDecl)
			if !ok || fd.Body == nil {
				continue
			}
			if fd.Name.IsExported() {
				exported = append(exported, fd.Name.Name)
			}
			ast.Inspect(fd.Body, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok {
					switch to := c.Fun.(type) {
					case *ast.Ident:
						calls[fd.Name.Name] = append(calls[fd.Name.Name], to.Name)
					case *ast.SelectorExpr:
						calls[fd.Name.Name] = append(calls[fd.Name.Name], to.Sel.Name)
					}
				}
				return true
			})
		}
	}
	for _, name := range hostile {
		if calls[name] == nil {
			t.Errorf("there is no %s any more: name what took its place", name)
		}
	}
	reaches := func(from string) string {
		seen := map[string]bool{}
		var walk func(string) string
		walk = func(name string) string {
			if seen[name] {
				return ""
			}
			seen[name] = true
			for _, to := range calls[name] {
				if slices.Contains(hostile, to) {
					return name + " → " + to
				}
				if found := walk(to); found != "" {
					return found
				}
			}
			return ""
		}
		return walk(from)
	}
	if reaches("ChildMain") == "" {
		t.Fatal("the child does nothing: the search is broken")
	}
	for _, name := range exported {
		if way := reaches(name); name != "ChildMain" && way != "" {
			t.Errorf("%s looks into an upload outside the child: %s", name, way)
		}
	}
}
