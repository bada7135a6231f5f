package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unaudited are the methods that write without an entry, each with its reason. Everything
// else that writes must leave one: TestEveryWriteLeavesAnEntry reads the package itself.
var unaudited = map[string]string{
	"WriteJournal":   "what devices say: their own chained journal is its record",
	"PutNews":        "what devices say",
	"PutHeard":       "what devices say",
	"PutReceipts":    "what devices say: receipts",
	"PutFaults":      "what the centre has seen, with its own history",
	"EndNotices":     "what the centre told of faults",
	"ForgetPresence": "what devices say: presence begins anew with the broker",
	"PutAsRuns":      "the log of what sounded has its own words, which are only added to",
	"PutFreeze":      "how far the log is frozen",
	"Unjudged":       "which rows of the log wait to be judged",
	"AddIssued":      "what the centre makes of the plan, whose changes are told",
	"ForgetAlert":    "past its time: the audit keeps who composed and signed it",
	"ForgetCommands": "past their time: the audit keeps who ordered what",
	"Listen":         "how far an approver has listened; their decision is told",

	"UseCertificate":  "a device shows the certificate whose issue was told",
	"PutMachines":     "what devices say: on which machines they run",
	"Checkpoint":      "the countersigned journals are themselves of the evidence",
	"Settle":          "the countersigned days are themselves of the evidence",
	"KeepKeyring":     "kept for who checks; the command that signed it is told",
	"BeginClosing":    "FinishClosing tells of it",
	"BeginArchive":    "FinishArchive tells of it",
	"ThinCheckpoints": "FinishArchive tells what went to the archive",
	"ForgetJournal":   "FinishArchive tells what went to the archive",
	"ForgetRows":      "FinishArchive tells what went to the archive",
	"EndSecondMail":   "what the centre told of a change that is told",
	"UseSecondStep":   "that a code has counted; what it was for is told",

	"AddSession": "a sign-in changes nothing; the system's log tells of those that fail",
	"EndSession": "the person's own sign-out",
	"TouchToken": "when a token was last used",

	"AddAuditSeal": "the signed head is itself of the audit",
	"Witness":      "it is how others leave one",
}

var writing = regexp.MustCompile(`(?i)\b(INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\S+\s+SET|UPDATE\s*$)`)

// TestEveryWriteLeavesAnEntry walks every exported method of the store: one whose SQL
// writes, in its own words or in those of what it calls, calls audit too.
func TestEveryWriteLeavesAnEntry(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	type function struct {
		calls            []string
		writes, exported bool
	}
	all := map[string]*function{} // methods and functions by their bare name
	texts := map[string]bool{}    // constants and variables that hold writing SQL
	set := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(set, name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	hasWriting := func(n ast.Node) (found bool) {
		ast.Inspect(n, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING && writing.MatchString(l.Value) {
				found = true
			}
			return !found
		})
		return found
	}
	for _, f := range parsed {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				for _, spec := range g.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && hasWriting(v) {
						for _, n := range v.Names {
							texts[n.Name] = true
						}
					}
				}
			}
		}
	}
	for _, f := range parsed {
		for _, d := range f.Decls {
			fd, ok := d.(*ast.FuncDecl)
			if !ok || fd.Body == nil {
				continue
			}
			x := all[fd.Name.Name]
			if x == nil {
				x = &function{}
				all[fd.Name.Name] = x
			}
			x.exported = x.exported || fd.Recv != nil && fd.Name.IsExported()
			x.writes = x.writes || hasWriting(fd.Body)
			ast.Inspect(fd.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr: // what is called, and what is handed over to be called
					for _, e := range append([]ast.Expr{n.Fun}, n.Args...) {
						switch e := e.(type) {
						case *ast.SelectorExpr:
							if of, ok := e.X.(*ast.SelectorExpr); ok && of.Sel.Name == "captions" {
								continue // a memory, which has a put of its own
							}
							x.calls = append(x.calls, e.Sel.Name)
						case *ast.Ident:
							x.calls = append(x.calls, e.Name)
						}
					}
				case *ast.Ident:
					x.writes = x.writes || texts[n.Name]
				}
				return true
			})
		}
	}
	var way []string // the last way that was found, backwards
	reaches := func(from string, ok func(name string, f *function) bool) bool {
		seen := map[string]bool{}
		way = nil
		var walk func(name string) bool
		walk = func(name string) bool {
			f := all[name]
			if f == nil || seen[name] {
				return false
			}
			seen[name] = true
			found := ok(name, f) || slices.ContainsFunc(f.calls, walk)
			if found {
				way = append(way, name)
			}
			return found
		}
		return walk(from)
	}
	found := 0
	for name, f := range all {
		// What an entry itself writes is no change of its own.
		writes := f.exported && reaches(name, func(n string, f *function) bool { return f.writes && n != "addAudit" })
		if !writes {
			continue
		}
		found++
		by := strings.Join(way, " ← ")
		if audited, reason := reaches(name, func(n string, _ *function) bool { return n == "addAudit" }), unaudited[name]; !audited && reason == "" {
			t.Errorf("%s writes and leaves no entry in the audit; if it should not, say why in unaudited (%s)", name, by)
		} else if audited && reason != "" && name != "Witness" {
			t.Errorf("%s leaves an entry: it needs no exception", name)
		}
	}
	if found < 40 {
		t.Errorf("only %d methods that write: the search is broken", found)
	}
	for name := range unaudited {
		if all[name] == nil {
			t.Errorf("there is no %s any more", name)
		}
	}
}
