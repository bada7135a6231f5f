package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"loaxa/internal/central"
)

const auditUsage = "usage: loaxa audit verify [--file EXPORT [--root root.pub.jwk] | --earlier EXPORT] | loaxa audit export --out FILE"

// auditCommand proves the audit, in the database or in an export of it, and exports it.
func auditCommand(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New(auditUsage)
	if len(args) == 0 {
		return 2, usage
	}
	fs, file := e.flags("audit " + args[0])
	export := fs.String("file", "", "verify this `export` in place of the database: nothing else is needed")
	root := fs.String("root", "", "`file` of the public half of the province's first root key (root.pub.jwk of the key folder), kept elsewhere")
	earlier := fs.String("earlier", "", "an `export` of before, whose signed head must still stand in the database")
	out := fs.String("out", "", "new `file` for the export, as JSON lines")
	if err := fs.Parse(args[1:]); err != nil {
		return 2, err
	}
	switch {
	case fs.NArg() != 0:
	case args[0] == "verify" && *export != "" && *earlier == "":
		return 0, verifyAuditFile(e, *export, *root)
	case args[0] == "verify" && *export == "" && *root == "":
		return 0, e.withCentre(ctx, *file, func(c *central.Central) error { return verifyAudit(ctx, e, c, *earlier) })
	case args[0] == "export" && *out != "":
		return 0, e.withCentre(ctx, *file, func(c *central.Central) error { return exportAudit(ctx, e, c, *out) })
	}
	return 2, usage
}

// withCentre opens the centre for one command.
func (e *env) withCentre(ctx context.Context, config string, do func(c *central.Central) error) error {
	c, err := e.openQuiet(ctx, config)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.Close())
}

func verifyAudit(ctx context.Context, e *env, c *central.Central, earlier string) error {
	var before io.Reader
	if earlier != "" {
		f, err := os.Open(earlier)
		if err != nil {
			return err
		}
		defer f.Close() // read only
		before = f
	}
	v, err := c.VerifyAudit(ctx, before)
	if err != nil {
		return err
	}
	return tellVerdict(e.out, v)
}

func verifyAuditFile(e *env, path, rootFile string) error {
	var root []byte
	if rootFile != "" {
		var err error
		if root, err = os.ReadFile(rootFile); err != nil {
			return err
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // read only
	v, err := central.VerifyAuditFile(f, root)
	if err != nil {
		return err
	}
	if err := tellVerdict(e.out, v); err != nil {
		return err
	}
	switch {
	case v.Proven == 0:
		_, err = fmt.Fprintln(e.out, "unproven: nothing that is signed covers these entries; who made the file may have written any of them")
	case !v.Signed:
		_, err = fmt.Fprintln(e.out, "the file itself is not signed: its entries are proven by the chain that ends in the signed head")
	default:
		_, err = fmt.Fprintln(e.out, "the centre has signed this file as it stands: all that its heading's filter let through")
	}
	if err != nil {
		return err
	}
	switch {
	case v.Proven == 0:
	case root == nil:
		_, err = fmt.Fprintf(e.out, "all of it as the file itself says: compare root key %s with the one you keep, or name it with --root\n", v.Root)
	}
	return err
}

func tellVerdict(w io.Writer, v central.AuditVerdict) error {
	_, err := fmt.Fprintf(w, "%d entries, the newest %d: every one follows the one before it\n", v.Entries, v.Head.Seq)
	if err == nil && v.Gaps > 0 {
		_, err = fmt.Fprintf(w, "in %d places a filter has left entries out\n", v.Gaps)
	}
	if err == nil && v.Proven > 0 {
		_, err = fmt.Fprintf(w, "signed heads proven: %d, the newest of entry %d at %s by online key %s under root key %s\n",
			v.Proven, v.Sealed.Seq, zoned(v.Sealed.At), v.Key, v.Root)
	}
	if err == nil && v.Unproven > 0 {
		_, err = fmt.Fprintf(w, "signed heads whose key has left the keyring: %d; their hashes fit\n", v.Unproven)
	}
	return err
}

// exportAudit writes a file or nothing.
func exportAudit(ctx context.Context, e *env, c *central.Central, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = c.ExportAudit(ctx, f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	_, err = fmt.Fprintf(e.out, "the audit is in %s; verify it anywhere with `loaxa audit verify --file %s`\n", path, path)
	return err
}
