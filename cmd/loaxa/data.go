package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"loaxa/internal/central"
	"loaxa/internal/central/library"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// intakeChild is the hidden word that makes this program the limited child which
// touches uploads.
const intakeChild = "intake-child"

func audioCommand(ctx context.Context, e *env, args []string) (int, error) {
	if len(args) > 0 && args[0] == intakeChild {
		return library.ChildMain(e.in, e.out), nil
	}
	if len(args) == 0 || args[0] != "check" {
		return 2, errors.New("usage: loaxa audio check FILE…")
	}
	fs := flag.NewFlagSet("loaxa audio check", flag.ContinueOnError)
	fs.SetOutput(e.err)
	if err := fs.Parse(args[1:]); err != nil {
		return 2, err
	}
	if fs.NArg() == 0 {
		return 2, errors.New("usage: loaxa audio check FILE…")
	}
	dir, err := os.MkdirTemp("", "loaxa-audio-")
	if err != nil {
		return 2, err
	}
	code, err := checkFiles(ctx, e, dir, fs.Args())
	return code, errors.Join(err, os.RemoveAll(dir))
}

func checkFiles(ctx context.Context, e *env, dir string, files []string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 2, err
	}
	in, err := library.NewIntake(library.Options{Command: []string{self, "audio", intakeChild}, WorkDir: dir, Log: e.quiet()})
	if err != nil {
		return 2, err
	}
	return library.CheckFiles(ctx, in, files, e.out)
}

func importFolder(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("import")
	author := fs.String("author", "", "`login` of the person who wrote this")
	approver := fs.String("approver", "", "`login` of the person who approved it; not the author")
	dry := fs.Bool("dry-run", false, "only show what would change")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	if fs.NArg() != 1 || (!*dry && (*author == "" || *approver == "")) {
		return 2, errors.New("usage: loaxa import --author LOGIN --approver LOGIN FOLDER")
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	_, err = c.Import(ctx, fs.Arg(0), nil, *author, *approver, *dry, e.out)
	return 0, errors.Join(err, c.Close())
}

// openQuiet opens the centre for a command that prints a result.
func (e *env) openQuiet(ctx context.Context, file string) (*central.Central, error) {
	cfg, err := e.load(file)
	if err != nil {
		return nil, err
	}
	return open(ctx, cfg, e.quiet())
}

func userCommand(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New("usage: loaxa user add --login LOGIN --name NAME [--password-stdin] | loaxa user list")
	if len(args) == 0 {
		return 2, usage
	}
	fs, file := e.flags("user " + args[0])
	login := fs.String("login", "", "account name: a-z, 0-9, dot, hyphen")
	name := fs.String("name", "", "the person's name")
	stdin := fs.Bool("password-stdin", false, "read the password from standard input")
	if err := fs.Parse(args[1:]); err != nil {
		return 2, err
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	switch args[0] {
	case "add":
		err = addUser(ctx, e, c, *login, *name, *stdin)
	case "list":
		err = listUsers(ctx, e, c)
	default:
		err = usage
	}
	return 0, errors.Join(err, c.Close())
}

func addUser(ctx context.Context, e *env, c *central.Central, login, name string, stdin bool) error {
	password, err := e.password(stdin)
	if err != nil {
		return err
	}
	p, err := c.AddPerson(ctx, login, name, password, actor())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "account %s (%s) made\n", p.Login, p.Name)
	return err
}

// password is asked for on the terminal, twice, without showing it.
func (e *env) password(stdin bool) (string, error) {
	if stdin {
		b, err := io.ReadAll(io.LimitReader(e.in, 1024))
		return strings.TrimRight(string(b), "\r\n"), err
	}
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", errors.New("no terminal to ask for the password; use --password-stdin")
	}
	ask := func(what string) (string, error) {
		fmt.Fprint(e.err, what)
		b, err := term.ReadPassword(fd)
		fmt.Fprintln(e.err)
		return string(b), err
	}
	first, err := ask("Mật khẩu / password: ")
	if err != nil {
		return "", err
	}
	second, err := ask("Nhập lại / again: ")
	if err == nil && first != second {
		err = errors.New("the two passwords differ")
	}
	return first, err
}

func listUsers(ctx context.Context, e *env, c *central.Central) error {
	people, err := c.People(ctx)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, p := range people {
		fmt.Fprintf(t, "%s\t%s\tsince %s\n", p.Login, p.Name, p.CreatedAt.Time().Format(time.DateOnly))
	}
	return t.Flush()
}

// actor names who runs a command, for the audit.
func actor() string {
	if u := os.Getenv("SUDO_USER"); u != "" {
		return "command:" + u
	}
	if u := os.Getenv("USER"); u != "" {
		return "command:" + u
	}
	return fmt.Sprintf("command:uid-%d", os.Getuid())
}

func deviceCommand(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New("usage: loaxa device add --code CODE [--hamlet CODE --name NAME] | loaxa device list")
	if len(args) == 0 {
		return 2, usage
	}
	fs, file := e.flags("device " + args[0])
	code := fs.String("code", "", "the device's code; a new enrolment code is made for a device that exists")
	hamlet := fs.String("hamlet", "", "`code` of the hamlet, for a new device")
	name := fs.String("name", "", "name of the new device")
	rendition := fs.Int("rendition", radio.MainKbps, "64, or 32 kbit/s on a metered link")
	if err := fs.Parse(args[1:]); err != nil {
		return 2, err
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	switch {
	case args[0] == "add" && *code != "":
		err = addDevice(ctx, e, c, *code, *name, *hamlet, *rendition)
	case args[0] == "list":
		err = listDevices(ctx, e, c)
	default:
		err = usage
	}
	return 0, errors.Join(err, c.Close())
}

func addDevice(ctx context.Context, e *env, c *central.Central, code, name, hamlet string, rendition int) error {
	d, err := c.DeviceByCode(ctx, code)
	if errors.Is(err, radio.ErrNotFound) {
		if hamlet == "" || name == "" {
			return fmt.Errorf("there is no device %s yet: say --hamlet and --name to add it", code)
		}
		d, err = c.NewDevice(ctx, code, name, hamlet, rendition, actor())
	}
	if err != nil {
		return err
	}
	once, expires, err := c.EnrolCode(ctx, d.ID, actor())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "device %s (%s)\nenrolment code: %s\nworks once, until %s\non the device: loaxa-agent enrol --server https://HOST:8443 --code %s\n",
		d.Code, d.Name, once, expires.Time().Local().Format("2006-01-02 15:04"), once)
	return err
}

func listDevices(ctx context.Context, e *env, c *central.Central) error {
	places, err := c.Places(ctx)
	if err != nil {
		return err
	}
	states, err := c.DeviceStates(ctx)
	if err != nil {
		return err
	}
	known := map[radio.DeviceID]radio.DeviceState{}
	for _, s := range states {
		known[s.Device] = s
	}
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, p := range places {
		state := "not enrolled"
		if s := known[p.Device.ID]; p.Device.Enrolled != 0 {
			state = "offline"
			if s.Alive {
				state = "online"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.Device.Code, p.Device.Name, p.Commune().Name, p.Hamlet().Name, state)
	}
	return t.Flush()
}

func keyCommand(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New("usage: loaxa key root --out FILE | loaxa key sign --root FILE --broker mqtts://HOST:8883 --media https://HOST:8443")
	if len(args) == 0 {
		return 2, usage
	}
	fs, file := e.flags("key " + args[0])
	out := fs.String("out", "", "new `file` for the root key; keep it offline")
	rootFile := fs.String("root", "", "`file` of the root key")
	brokers := fs.String("broker", "", "where devices find the broker, comma-separated mqtts:// addresses")
	medias := fs.String("media", "", "where devices fetch audio, comma-separated https:// addresses")
	if err := fs.Parse(args[1:]); err != nil {
		return 2, err
	}
	switch {
	case args[0] == "root" && *out != "":
		k, err := trust.Generate()
		if err != nil {
			return 1, err
		}
		if err := trust.SaveKey(*out, k); err != nil {
			return 1, err
		}
		_, err = fmt.Fprintf(e.out, "root key %s in %s; carry it away after `loaxa key sign`\n", k.KID(), *out)
		return 0, err
	case args[0] == "sign" && *rootFile != "" && *brokers != "" && *medias != "":
		root, err := trust.LoadKey(*rootFile)
		if err != nil {
			return 1, err
		}
		c, err := e.openQuiet(ctx, *file)
		if err != nil {
			return 1, err
		}
		err = c.MakeKeys(ctx, root, trust.Endpoints{Brokers: strings.Split(*brokers, ","), Media: strings.Split(*medias, ",")})
		if err == nil {
			_, err = fmt.Fprintln(e.out, "keyring signed; start or restart `loaxa serve`")
		}
		return 0, errors.Join(err, c.Close())
	}
	return 2, usage
}

func printLog(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("log")
	var f radio.LogFilter
	day := fs.String("day", "", "local `date` 2026-12-31")
	outcome := fs.String("outcome", "", fmt.Sprintf("only this outcome: one of %v", radio.Outcomes()))
	device := fs.String("device", "", "only the device with this `code`")
	asJSON := fs.Bool("json", false, "one JSON object a line")
	limit := fs.Int("limit", 200, "rows at the most, newest first")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	f.From, f.To, f.Outcome = radio.Date(*day), radio.Date(*day), radio.Outcome(*outcome)
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	err = errors.Join(writeLog(ctx, e, c, f, *device, *limit, *asJSON), c.Close())
	if errors.Is(err, radio.ErrInvalid) {
		return 2, err
	}
	return 0, err
}

func writeLog(ctx context.Context, e *env, c *central.Central, f radio.LogFilter, device string, limit int, asJSON bool) error {
	if device != "" {
		d, err := c.DeviceByCode(ctx, device)
		if err != nil {
			return err
		}
		f.Device = d.ID
	}
	page, err := c.Log(ctx, f, limit)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(e.out)
		for _, r := range page.Rows {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "START (UTC)\tCOMMUNE\tDEVICE\tTITLE\tOUTCOME\tREASON\tSECONDS")
	for _, r := range page.Rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%.1f/%.1f\n", r.Start.Time().Format("2006-01-02 15:04:05"), r.CommuneName, r.DeviceCode,
			r.Title, r.Outcome, r.Reason, float64(r.Consumed)/radio.SampleRate, float64(r.Samples)/radio.SampleRate)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	totals, err := c.LogTotals(ctx, f)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "planned %d", totals.Planned)
	for o, n := range totals.Each() {
		fmt.Fprintf(e.out, " · %s %d", o, n)
	}
	_, err = fmt.Fprintln(e.out)
	return err
}
