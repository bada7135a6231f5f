package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"loaxa/internal/central"
	"loaxa/internal/central/verify"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// unchecked is the exit code when nothing could be said; 1 means that something is wrong.
const unchecked = 2

const verifyUse = `usage: loaxa verify [--device CODE] [--json]            the log in this centre's database
       loaxa verify --bundle FILE --root FILE|THUMBPRINT [--whole] [--device CODE] [--from DAY] [--to DAY]
                                                            a bundle, on any machine; it must be of that much
       loaxa verify --export FILE [--device CODE] [--from DAY] [--to DAY]
exit codes: 0 everything holds, 1 something is wrong (the first of it is named), 2 it could not be checked`

// verifyFlags are the flags of `loaxa verify`.
type verifyFlags struct {
	device, bundle, root, ca, held string
	export, from, to               string
	json, whole                    bool
}

func verifyLog(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("verify")
	var q verifyFlags
	fs.StringVar(&q.device, "device", "", "only the device with this `code`; with --bundle: it must be in it (code or id)")
	fs.StringVar(&q.bundle, "bundle", "", "check this `file` and nothing else; - is the standard input")
	fs.StringVar(&q.root, "root", "", "the root key that is believed: a `file` with its public key, or its thumbprint; default for the database: the one of this centre")
	fs.StringVar(&q.ca, "ca", "", "`fingerprint` of the devices' authority, or its first 16 digits, which end every enrolment code; default: the one that the checkpoints name")
	fs.StringVar(&q.held, "checkpoint", "", "a checkpoint kept on paper, `NUMBER:DIGEST`: it must be there")
	fs.StringVar(&q.export, "export", "", "write what is needed to check elsewhere to this new `file`")
	fs.StringVar(&q.from, "from", "", "first local `day` of --export; with --bundle: it must begin by then")
	fs.StringVar(&q.to, "to", "", "last local `day` of --export; with --bundle: it must go on until then")
	fs.BoolVar(&q.whole, "whole", false, "with --bundle: it must be of every device, and without --from and --to of every day")
	fs.BoolVar(&q.json, "json", false, "the whole result as JSON")
	usage := fs.Usage
	fs.Usage = func() { fmt.Fprintln(e.err, verifyUse); usage() }
	if err := fs.Parse(args); err != nil {
		return unchecked, err
	}
	if fs.NArg() != 0 || q.bundle != "" && q.export != "" || q.export+q.bundle == "" && q.from+q.to != "" || q.bundle == "" && q.whole {
		return unchecked, errors.New(verifyUse)
	}
	if err := q.checkDays(); err != nil {
		return unchecked, err
	}
	opts, err := q.options()
	if err != nil {
		return unchecked, err
	}
	var rep verify.Report
	if q.bundle != "" {
		rep, err = verifyBundle(e, q, opts)
	} else {
		rep, err = verifyCentre(ctx, e, *file, q, opts)
	}
	if err != nil || q.export != "" {
		return map[bool]int{true: unchecked, false: 0}[err != nil], err
	}
	return e.tellVerify(rep, q.json)
}

// checkDays refuses days that are none, and an order of them in which nothing lies.
func (q verifyFlags) checkDays() error {
	for _, day := range []string{q.from, q.to} {
		if _, err := radio.ParseDate(day); day != "" && err != nil {
			return err
		}
	}
	if q.from != "" && q.to != "" && q.from > q.to {
		return fmt.Errorf("%w: --from %s comes after --to %s: there are no days between", radio.ErrInvalid, q.from, q.to)
	}
	return nil
}

func (q verifyFlags) options() (verify.Options, error) {
	opts := verify.Options{Root: q.root, CA: strings.ToLower(strings.ReplaceAll(q.ca, "-", ""))}
	if q.held != "" {
		h, err := verify.ParseHeld(q.held)
		if err != nil {
			return opts, err
		}
		opts.Held = &h
	}
	if q.bundle != "" {
		opts.Whole, opts.From, opts.To = q.whole, radio.Date(q.from), radio.Date(q.to)
		if q.device != "" {
			opts.Devices = []string{q.device}
		}
	}
	if b, err := os.ReadFile(q.root); err == nil && q.root != "" && len(b) < 4096 {
		var key trust.PublicKey
		if err := key.UnmarshalJSON(b); err != nil {
			return opts, fmt.Errorf("root key %s: %w", q.root, err)
		}
		opts.Root = key.KID
	}
	return opts, nil
}

func verifyBundle(e *env, q verifyFlags, opts verify.Options) (rep verify.Report, err error) {
	if opts.Root == "" {
		return rep, errors.New("--bundle needs --root: the key that is believed must not come from the bundle itself; `loaxa verify` on the centre prints its thumbprint")
	}
	in := e.in
	if q.bundle != "-" {
		f, err := os.Open(q.bundle)
		if err != nil {
			return rep, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	return verify.Bundle(func(take func(verify.Item) error) error { return verify.Read(in, take) }, opts)
}

func verifyCentre(ctx context.Context, e *env, file string, q verifyFlags, opts verify.Options) (rep verify.Report, err error) {
	c, err := e.openQuiet(ctx, file)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	evidence, err := c.Evidence(ctx)
	if err != nil {
		return rep, err
	}
	if opts.Root == "" { // whoever holds this machine believes its own folder
		opts.Root, opts.CA = evidence.Root, cmp.Or(opts.CA, evidence.CA)
	}
	var devices []radio.DeviceID
	if q.device != "" {
		d, err := c.DeviceByCode(ctx, q.device)
		if err != nil {
			return rep, err
		}
		devices = []radio.DeviceID{d.ID}
	}
	if q.export == "" {
		return c.Verify(ctx, evidence, devices, opts)
	}
	choice := verify.Choice{Devices: devices, From: radio.Date(q.from), To: radio.Date(q.to)}
	if err := c.SaveBundle(ctx, evidence, choice, q.export); err != nil {
		return rep, err
	}
	return rep, e.tellBundle(q.export, evidence)
}

func (e *env) tellBundle(path string, evidence *central.Evidence) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "%s: %.1f MB. Whoever checks it needs the root's thumbprint, told by another way than the file:\n  loaxa verify --bundle %s --root %s\n",
		path, float64(info.Size())/(1<<20), path, evidence.Root)
	return err
}

// tellVerify prints what came of it.
func (e *env) tellVerify(rep verify.Report, asJSON bool) (int, error) {
	code := 0
	if !rep.OK() {
		code = 1
	}
	if asJSON {
		enc := json.NewEncoder(e.out)
		enc.SetIndent("", "  ")
		return code, enc.Encode(rep)
	}
	return code, printReport(e.out, rep)
}

// extent says what the log is of.
func extent(rep verify.Report) string {
	s := map[bool]string{true: "every device", false: "some devices"}[rep.Whole]
	switch {
	case rep.From == "" && rep.To == "":
		return s + ", every day"
	case rep.To == "":
		return fmt.Sprintf("%s, from %s", s, rep.From)
	case rep.From == "":
		return fmt.Sprintf("%s, up to %s", s, rep.To)
	}
	return fmt.Sprintf("%s, from %s to %s", s, rep.From, rep.To)
}

func printReport(w io.Writer, rep verify.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "devices %d · journals %d · records %d (%d countersigned) · batches %d · rows %d · months %d · checkpoints %d\n",
		rep.Devices, rep.Journals, rep.Records, rep.Covered, rep.Batches, rep.Rows, rep.Months, rep.Checkpoints)
	fmt.Fprintf(&b, "of %s\n", extent(rep))
	fmt.Fprintf(&b, "root believed: %s\n", rep.Root)
	if rep.Proven != 0 {
		fmt.Fprintf(&b, "the ends of the journals are told at checkpoint %d (%s)\n", rep.Proven, rep.ProvenAt.Time().Format(time.RFC3339))
	} else {
		b.WriteString("no checkpoint: what was cut off at the end of a journal cannot be seen\n")
	}
	if rep.Elsewhere > 0 {
		fmt.Fprintf(&b, "words whose records came before or after these days: %d\n", rep.Elsewhere)
	}
	if rep.Own > 0 {
		fmt.Fprintf(&b, "not proven: %d rows rest on the centre's own word (no device has spoken of them, and their day has not settled, or the centre said more of it since)\n", rep.Own)
	}
	b.WriteString("not proven: titles, names and deadlines of days that have not settled (a checkpoint countersigns a day when it has ended for 24 hours)\n")
	for _, a := range rep.Archived {
		fmt.Fprintf(&b, "month %s rests in a file, to be checked by itself: %s, SHA-256 %s\n", a.Month, a.File, a.SHA256)
	}
	if rep.Newest != 0 {
		fmt.Fprintf(&b, "newest checkpoint, to be kept on paper: %d:%s (%s)\n", rep.Newest, rep.Digest, rep.At.Time().Format(time.RFC3339))
	}
	if rep.Known > 0 {
		fmt.Fprintf(&b, "known and explained: %d\n", rep.Known)
		for _, f := range rep.Notes {
			fmt.Fprintf(&b, "  %s\n", f)
		}
	}
	if rep.OK() {
		b.WriteString("everything holds\n")
	} else {
		fmt.Fprintf(&b, "WRONG: %d\n", rep.Bad)
		for _, f := range rep.Findings {
			fmt.Fprintf(&b, "  %s\n", f)
		}
		if int64(len(rep.Findings)) < rep.Bad {
			fmt.Fprintf(&b, "  … and %d more\n", rep.Bad-int64(len(rep.Findings)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
