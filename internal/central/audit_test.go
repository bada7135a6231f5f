package central

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// TestAuditProvesItself: what commands do to keys stands in the audit with who and from
// where; an export proves itself anywhere, and what is cut off or changed is named.
func TestAuditProvesItself(t *testing.T) {
	c := opened(t)
	ctx := radio.WithSource(t.Context(), radio.Source{Via: radio.ViaCommand, Address: "hoa"})
	if err := c.store.ApplyPlan(ctx, storetest.SamplePlan()); err != nil {
		t.Fatal(err)
	}
	root, next := mustKey(t), mustKey(t)
	ends := trust.Endpoints{Brokers: []string{"mqtts://a:1"}, Media: []string{"https://a:2"}}
	for range 2 {
		if err := c.MakeKeys(ctx, root, ends); err != nil {
			t.Fatal(err)
		}
	}
	_, err1 := c.NextOnline(ctx, root, false)
	_, err2 := c.NextOnline(ctx, root, true)
	_, err3 := c.NextRoot(ctx, root, next)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if _, err := c.NextOnline(ctx, root, true); err == nil { // not the root any more
		t.Fatal("an old root signs")
	}
	var done []string
	entries, err := c.store.Audit(ctx, auditOfKeys, 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		done = append(done, e.Action)
		if e.Actor != "command:hoa" || e.From.Via != radio.ViaCommand {
			t.Errorf("%+v", e)
		}
	}
	slices.Reverse(done)
	if want := []string{"key.ca", "key.root", "key.sign", "key.online", "key.online_stolen", "key.next_root"}; !slices.Equal(done, want) {
		t.Errorf("the audit of keys: %v, want %v", done, want)
	}

	keys, err := c.openKeys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := root.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := c.ExportAudit(ctx, &file); err != nil {
		t.Fatal(err)
	}
	v, err := VerifyAuditFile(bytes.NewReader(file.Bytes()), pub)
	if err != nil || v.Proven != 1 || !v.Signed || v.Key != keys.Online().KID() || v.Root != root.KID() || v.Entries != v.Head.Seq || v.Gaps != 0 {
		t.Fatalf("%+v %v", v, err)
	}
	other, err := next.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyAuditFile(bytes.NewReader(file.Bytes()), other); !errors.Is(err, radio.ErrForbidden) {
		t.Errorf("under another root: %v", err)
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(file.Bytes(), []byte("\n")), []byte("\n"))
	for i := range lines[1 : len(lines)-1] {
		changed := slices.Clone(lines)
		changed[i+1] = bytes.Replace(changed[i+1], []byte(`"at":`), []byte(`"at":1`), 1)
		var broken *radio.BrokenAudit
		if _, err := VerifyAuditFile(bytes.NewReader(bytes.Join(changed, nil)), pub); !errors.As(err, &broken) || broken.Seq != int64(i+1) {
			t.Errorf("entry %d changed: %v", i+1, err)
		}
	}
	// A forger without the online key may make a whole chain, but no signed head.
	forged := bytes.Replace(file.Bytes(), []byte(`"seal":{`), []byte(`"seal":{"x":`), 1)
	if _, err := VerifyAuditFile(bytes.NewReader(forged), pub); err == nil {
		t.Error("a seal that is none is believed")
	}

	// The database: the seal of the export stands in it, and so must what it names.
	if v, err := c.VerifyAudit(ctx, bytes.NewReader(file.Bytes())); err != nil || v.Proven != 1 || v.Entries != v.Sealed.Seq {
		t.Errorf("%+v %v", v, err)
	}
	stranger := opened(t)
	if err := stranger.store.ApplyPlan(ctx, storetest.SamplePlan()); err != nil {
		t.Fatal(err)
	}
	if err := stranger.MakeKeys(ctx, mustKey(t), ends); err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.VerifyAudit(ctx, bytes.NewReader(file.Bytes())); err == nil {
		t.Error("another centre believes this one's head")
	}
}

// TestAuditSealsHourly: the head is signed when the centre starts, and only when there is
// a new one.
func TestAuditSealsHourly(t *testing.T) {
	c := opened(t)
	if err := c.store.ApplyPlan(t.Context(), storetest.SamplePlan()); err != nil {
		t.Fatal(err)
	}
	if err := c.MakeKeys(t.Context(), mustKey(t), trust.Endpoints{Brokers: []string{"mqtts://a:1"}, Media: []string{"https://a:2"}}); err != nil {
		t.Fatal(err)
	}
	keys, err := c.openKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	head, err := c.auditHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.seal(t.Context(), keys, head); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := c.VerifyAudit(t.Context(), nil); err != nil || v.Proven != 1 || v.Sealed.Seq != head.Seq || v.Sealed.At.Sub(radio.At(time.Now())) > time.Minute {
		t.Errorf("%+v %v", v, err)
	}
	// The key that sealed leaves the keyring: the seal still fits, and counts as unproven.
	// (A new one by the new key is proven again.)
	if _, err := c.VerifyAudit(t.Context(), strings.NewReader("no export")); err == nil {
		t.Error("anything passes for an earlier export")
	}
}

// TestKeyFilesChangeUnderAudit: whatever here changes the files of keys leaves an entry,
// by Witness or by a method of the store that does (which is proven there).
func TestKeyFilesChangeUnderAudit(t *testing.T) {
	reads := []string{"OpenKeys", "HasRoot", "KeyFiles", "CAFiles", "IsRoot", "HasKeyring", "ReadKeyring", "LostKeyring", "RestoredFrom", "Steps",
		"TakeBack"} // of which centre.restore tells: TestRestoredKeys; and settling a key's name after a power cut, which its command has told
	set := token.NewFileSet()
	parse := func(pattern string) (out []*ast.FuncDecl) {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if fd, ok := d.(*ast.FuncDecl); ok && fd.Body != nil {
					out = append(out, fd)
				}
			}
		}
		return out
	}
	var changers []string
	for _, fd := range parse("identity/*.go") {
		if p := fd.Type.Params.List; fd.Recv == nil && fd.Name.IsExported() && len(p) > 0 && len(p[0].Names) > 0 && p[0].Names[0].Name == "dir" && !slices.Contains(reads, fd.Name.Name) {
			changers = append(changers, fd.Name.Name)
		}
	}
	if len(changers) < 6 || !slices.Contains(changers, "NextOnline") {
		t.Fatalf("found %v: the search is broken", changers)
	}
	type function struct {
		changes string
		audited bool
		uses    []string
	}
	all := map[string]*function{}
	for _, fd := range parse("*.go") {
		f := &function{}
		all[fd.Name.Name] = f
		ast.Inspect(fd.Body, func(n ast.Node) bool {
			if x, ok := n.(*ast.SelectorExpr); ok {
				f.uses = append(f.uses, x.Sel.Name)
				if isIdentity(x) && slices.Contains(changers, x.Sel.Name) {
					f.changes = x.Sel.Name
				}
				f.audited = f.audited || slices.Contains([]string{"Witness", "AddPersonKey", "RetirePersonKey", "RevokePersonKey"}, x.Sel.Name) && !isIdentity(x)
			}
			return true
		})
	}
	for name, f := range all {
		if f.changes == "" || f.audited {
			continue
		}
		// A part of what leaves the entry is as good; then everybody who uses it does.
		used := 0
		for by, g := range all {
			if slices.Contains(g.uses, name) {
				if used++; !g.audited {
					t.Errorf("%s calls identity.%s through %s and leaves no entry in the audit", by, f.changes, name)
				}
			}
		}
		if used == 0 {
			t.Errorf("%s calls identity.%s and leaves no entry in the audit", name, f.changes)
		}
	}
}

func isIdentity(x *ast.SelectorExpr) bool {
	of, ok := x.X.(*ast.Ident)
	return ok && of.Name == "identity"
}
