// Command loaxa is the centre of Loa Xã: it serves, imports schedules, checks audio,
// keeps accounts, keys and devices, and prints the confirmation log.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"golang.org/x/term"

	"loaxa/internal/central"
	"loaxa/internal/config"
	"loaxa/internal/radio"
)

// command is one subcommand: its flags, then its work. The exit code counts when the
// error is nil; an error exits with 1.
type command struct {
	name, use string
	run       func(ctx context.Context, e *env, args []string) (int, error)
}

func commands() []command {
	return []command{
		{"serve", "run the centre", serve},
		{"demo", "run the centre and three agents on this machine and tell what happens; demo code: codes of its second factors", demo},
		{"import", "lay down areas, devices, bulletins and schedules from a folder", importFolder},
		{"area", "area list|merge|split|rename|drop: what is decided about communes and hamlets", areaCommand},
		{"import-places", "bring areas and clusters in from a CSV or XLSX table", importPlaces},
		{"audio", "audio check FILE…: judge files as an upload would be", audioCommand},
		{"log", "print the confirmation log", printLog},
		{"rehearse", "what would sound in the coming days, and what devices must download for it", rehearse},
		{"explain", "why a device sounds at an instant, or not: every rule from the schedule to the confirmation", explainCommand},
		{"user", "user add|invite|reset|password|grant|revoke|disable|enable|list: accounts of people", userCommand},
		{"device", "device add|show|list|code|codes|revoke|retire|command: loudspeaker clusters and their identities", deviceCommand},
		{"key", "key root|sign|person: the root key, the keyring it signs, keys of persons", keyCommand},
		{"alert", "alert send|sign|cancel|list|show: emergencies and drills", alertCommand},
		{"audit", "audit verify|export: prove that nobody changed who did what, or carry it away", auditCommand},
		{"verify", "prove that the confirmation log is what the devices have said, here or from an exported bundle", verifyLog},
		{"backup", "copy the whole centre into one archive, also while it serves; backup verify FILE", backupCommand},
		{"restore", "put a backup into an empty data folder", restore},
		{"broker-config", "broker-config mosquitto: the files of an external broker", brokerConfig},
		{"check", "check the configuration and print it", check},
		{"version", "print the version", version},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends at once: after the first, signals have their default effect.
	context.AfterFunc(ctx, stop)
	os.Exit(dispatch(ctx, &env{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:]))
}

func dispatch(ctx context.Context, e *env, args []string) int {
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help" || args[0] == "help") {
		usage(e.out)
		return 0
	}
	for _, c := range commands() {
		if len(args) == 0 || args[0] != c.name {
			continue
		}
		ctx := radio.WithSource(ctx, radio.Source{Via: radio.ViaCommand, Address: operator()})
		code, err := c.run(ctx, e, args[1:])
		switch {
		case errors.Is(err, flag.ErrHelp):
			return 0
		case err != nil:
			fmt.Fprintln(e.err, "loaxa "+c.name+":", explain(err))
			return max(code, 1)
		}
		return code
	}
	if len(args) > 0 {
		fmt.Fprintf(e.err, "loaxa: unknown command %q\n\n", args[0])
	}
	usage(e.err)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "loaxa: radio desk for commune loudspeakers\n\nusage: loaxa COMMAND [flags]; each COMMAND explains itself with -h")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-13s %s\n", c.name, c.use)
	}
}

// explain shows every problem of an invalid input on its own line.
func explain(err error) string {
	var invalid *radio.Invalid
	if !errors.As(err, &invalid) {
		var said interface{ Vietnamese() string }
		if errors.As(err, &said) {
			return said.Vietnamese() + " / " + plain(err.Error())
		}
		return plain(err.Error())
	}
	text := ""
	if doing, ok := strings.CutSuffix(err.Error(), invalid.Error()); ok {
		text = plain(doing) // what was being done
	}
	for _, p := range invalid.Problems {
		text += fmt.Sprintf("\n  %s: %s / %s", p.Field, p.VI, p.EN)
	}
	return text
}

// unreadable is how database/sql says that a value has another form than it should.
var unreadable = regexp.MustCompile(`sql: Scan error on column index \d+, name "([^"]*)": `)

// plain takes the words of database drivers out of what people read.
func plain(text string) string {
	text = strings.ReplaceAll(text, ": sql: no rows in result set", "")
	return unreadable.ReplaceAllString(text, "the database holds something unreadable as $1: ")
}

// env is what a command may touch.
type env struct {
	in       io.Reader
	out, err io.Writer
}

// flags makes a flag set with the one flag every command has.
func (e *env) flags(name string) (*flag.FlagSet, *string) {
	fs := flag.NewFlagSet("loaxa "+name, flag.ContinueOnError)
	fs.SetOutput(e.err)
	return fs, fs.String("config", os.Getenv("LOAXA_CONFIG"), "configuration `file` (YAML); empty: defaults and LOAXA_… variables")
}

// load reads the configuration.
func (e *env) load(file string) (central.Config, error) {
	cfg := central.DefaultConfig()
	environ := make([]string, 0, len(os.Environ()))
	for _, kv := range os.Environ() {
		if len(kv) < 13 || kv[:13] != "LOAXA_CONFIG=" {
			environ = append(environ, kv)
		}
	}
	return cfg, errors.Join(config.Load(file, "LOAXA", environ, &cfg), cfg.Check())
}

func open(ctx context.Context, cfg central.Config, log *slog.Logger) (*central.Central, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return central.Open(ctx, cfg, []string{self, "audio", intakeChild}, log)
}

func (e *env) logger(cfg central.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: level}))
}

// onTerminal says whether a person sees what is written.
func (e *env) onTerminal() bool {
	f, ok := e.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// parseMixed reads flags that may stand before, between and behind other arguments, and
// gives those.
func parseMixed(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}

// quiet is the logger of commands that print a result: only what went wrong.
func (e *env) quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// parse reads the flags of a command that takes nothing else: what stands behind them
// would be left out in silence.
func parse(fs *flag.FlagSet, args []string) error {
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("used wrongly: nothing is known to be done with %q", fs.Args())
	}
	return nil
}

func serve(ctx context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("serve")
	if err := parse(fs, args); err != nil {
		return 2, err
	}
	cfg, err := e.load(*file)
	if err != nil {
		return 1, err
	}
	// An empty folder is the first run: it asks for an administrator.
	c, err := open(ctx, cfg, e.logger(cfg))
	if err != nil {
		return 1, err
	}
	err = c.FirstRun(ctx, func(link string, until radio.Millis) {
		fmt.Fprintf(e.out, "Chưa có tài khoản nào. Mở địa chỉ này để tạo quản trị viên đầu tiên / nobody exists yet, make the first administrator at\n%s\nmột lần, đến / once, until %s\n", link, zonedMinute(until))
	})
	if err == nil && ctx.Err() == nil {
		err = c.Run(ctx)
	}
	return 0, errors.Join(err, c.Close())
}

func check(_ context.Context, e *env, args []string) (int, error) {
	fs, file := e.flags("check")
	if err := parse(fs, args); err != nil {
		return 2, err
	}
	cfg, err := e.load(*file)
	if err != nil {
		return 1, err
	}
	text, err := config.Print(cfg)
	if err != nil {
		return 1, err
	}
	_, err = io.WriteString(e.out, text)
	return 0, err
}

func version(_ context.Context, e *env, _ []string) (int, error) {
	_, err := fmt.Fprintln(e.out, radio.Version)
	return 0, err
}
