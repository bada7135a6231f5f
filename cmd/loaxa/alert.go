package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"loaxa/internal/central"
	"loaxa/internal/central/alert"
	"loaxa/internal/radio"
)

const alertUsage = "usage: loaxa alert send --as LOGIN[,LOGIN] --area CODE --headline TEXT --text TEXT [--drill|--standing] [--voice FILE] | " +
	"sign --as LOGIN ID | cancel --as LOGIN[,LOGIN] [--why TEXT] ID | list | show [--json] ID"

// alertFlags are what the subcommands of `loaxa alert` ask for.
type alertFlags struct {
	as, area, headline, text, document, sounds, voice, why string
	drill, standing, stdin, json                           bool
	repeats                                                int
	interval, life                                         time.Duration
	id                                                     radio.AlertID
}

// alertCommand composes, signs and cancels emergencies on the centre's machine: the
// centre that serves there sends them within a second.
func alertCommand(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New(alertUsage)
	if len(args) == 0 {
		return 2, usage
	}
	var f alertFlags
	fs, file := e.flags("alert " + args[0])
	fs.StringVar(&f.as, "as", "", "`logins` of those who sign, in their order; the first one composes")
	fs.StringVar(&f.area, "area", "", "`code` of the area")
	fs.StringVar(&f.headline, "headline", "", "what screens call it")
	fs.StringVar(&f.text, "text", "", "what people must be told")
	fs.StringVar(&f.document, "document", "", "the order behind it")
	fs.StringVar(&f.sounds, "sounds", string(radio.RoleSiren)+","+string(radio.RoleLeadIn), "sounds of the emergency set, in order")
	fs.StringVar(&f.voice, "voice", "", "audio `file` with spoken words, at most 30 s")
	fs.BoolVar(&f.drill, "drill", false, "a drill: begins and ends with its announcement")
	fs.BoolVar(&f.standing, "standing", false, "kept on the devices; sounds when somebody with the PIN starts it there")
	fs.IntVar(&f.repeats, "repeats", 3, "cycles")
	fs.DurationVar(&f.interval, "interval", 30*time.Second, "silence between two cycles")
	fs.DurationVar(&f.life, "life", time.Hour, "how long it is valid")
	fs.StringVar(&f.why, "why", "", "reason of a cancel")
	fs.BoolVar(&f.stdin, "password-stdin", false, "read the keys' passwords from standard input, a line each")
	fs.BoolVar(&f.json, "json", false, "print the board as JSON")
	if err := fs.Parse(args[1:]); err != nil {
		return 2, err
	}
	f.id = radio.AlertID(fs.Arg(0))
	do := map[string]func(context.Context, *env, *central.Central, *alert.Desk, alertFlags) error{
		"send": sendAlert, "sign": signAlert, "cancel": cancelAlert, "list": listAlerts, "show": showAlert,
	}[args[0]]
	named := map[string]int{"sign": 1, "cancel": 1, "show": 1}[args[0]]
	signs := args[0] == "send" || args[0] == "sign" || args[0] == "cancel"
	if do == nil || fs.NArg() != named || signs && f.as == "" || args[0] == "send" && (f.area == "" || f.headline == "" || f.text == "") {
		return 2, usage
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	desk, err := c.AlertDesk(ctx)
	if err == nil {
		err = do(ctx, e, c, desk, f)
	}
	return 0, errors.Join(err, c.Close())
}

// signer is one of those who sign, with what they have typed. No code of a second factor
// is asked for: who runs commands on the centre's machine has the secrets of all of them.
type signer struct {
	radio.Person
	with radio.SignWith
}

// signers finds the people named and asks each for the password of the own key.
func signers(ctx context.Context, e *env, c *central.Central, f alertFlags) ([]signer, error) {
	var out []signer
	lines := bufio.NewScanner(io.LimitReader(e.in, 4096))
	for login := range strings.SplitSeq(f.as, ",") {
		p, err := c.PersonByLogin(ctx, login)
		if err != nil {
			return nil, err
		}
		password := ""
		if f.stdin {
			if lines.Scan() {
				password = strings.TrimRight(lines.Text(), "\r")
			} else if err := lines.Err(); err != nil {
				return nil, err
			}
		} else if password, err = e.ask("Mật khẩu khóa ký của / key password of " + login + ": "); err != nil {
			return nil, err
		}
		out = append(out, signer{p, radio.SignWith{Password: password}})
	}
	return out, nil
}

// ask reads one secret on the terminal without showing it.
func (e *env) ask(what string) (string, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", errors.New("no terminal to ask for the password; use --password-stdin")
	}
	fmt.Fprint(e.err, what)
	b, err := term.ReadPassword(fd)
	fmt.Fprintln(e.err)
	return string(b), err
}

func sendAlert(ctx context.Context, e *env, c *central.Central, desk *alert.Desk, f alertFlags) error {
	area, err := c.AreaByCode(ctx, f.area)
	if err != nil {
		return err
	}
	chain, err := chainOf(ctx, c, area.ID)
	if err != nil {
		return err
	}
	w := radio.AlertWish{Area: area.ID, Headline: f.headline, Text: f.text, Document: f.document, Drill: f.drill, Standing: f.standing,
		Repeats: f.repeats, IntervalS: int(f.interval / time.Second), LifeMinutes: int(f.life / time.Minute)}
	for role := range strings.SplitSeq(f.sounds, ",") {
		w.Sounds = append(w.Sounds, radio.EmergencyRole(role))
	}
	if err := maySign(ctx, c, f.as, chain, f.area); err != nil {
		return err
	}
	people, err := signers(ctx, e, c, f)
	if err != nil {
		return err
	}
	if f.voice != "" {
		voice, err := readVoice(ctx, desk, f.voice)
		if err != nil {
			return err
		}
		w.Voice = &voice
	}
	a, err := desk.Compose(ctx, people[0].Person, w)
	if err != nil {
		return err
	}
	for _, p := range people {
		signed, err := desk.Sign(ctx, p.Person, a.ID, a.Version, p.with)
		switch {
		case err != nil && len(a.Paper.Signatures) == 0:
			err = fmt.Errorf("%s: %w", p.Login, err)
			if dropped := desk.Drop(ctx, people[0].Person, a.ID, a.Version); dropped != nil {
				return errors.Join(err, fmt.Errorf("alert %s is composed, not sent, and could not be dropped: %w", a.ID, dropped))
			}
			return fmt.Errorf("nothing is sent and no draft is kept: %w", err)
		case err != nil:
			return fmt.Errorf("alert %s is signed by %d and not sent; another person goes on within %s with `loaxa alert sign --as LOGIN %s`: %s: %w",
				a.ID, len(a.Paper.Signatures), radio.AlertSigning, a.ID, p.Login, err)
		}
		a = signed
		if a.State == radio.AlertIssued {
			break
		}
	}
	return tellAlert(e, a)
}

// chainOf is where an area stands, the province first.
func chainOf(ctx context.Context, c *central.Central, area radio.AreaID) ([]radio.AreaID, error) {
	areas, err := c.Areas(ctx)
	return radio.NewAreaTree(areas).Chain(area), err
}

// maySign refuses, before anything is composed or a password typed, who has not the role
// that signing takes, and names it.
func maySign(ctx context.Context, c *central.Central, logins string, chain []radio.AreaID, code string) error {
	for login := range strings.SplitSeq(logins, ",") {
		p, err := c.PersonByLogin(ctx, login)
		if err != nil {
			return err
		}
		if !p.May(radio.SignAlerts, chain...) {
			role := string(radio.RoleApprover) + "@" + code
			return fmt.Errorf("%w: %s may not sign alerts there: it takes the role %s (loaxa user grant --login %[2]s --role %[3]s); nothing is done", radio.ErrForbidden, login, role)
		}
	}
	return nil
}

// maySignThis is maySign of an alert that there is.
func maySignThis(ctx context.Context, c *central.Central, f alertFlags, a radio.AlertRecord) error {
	areas, err := c.Areas(ctx)
	if err != nil {
		return err
	}
	tree, code := radio.NewAreaTree(areas), string(a.Wish.Area)
	if area, ok := tree.Area(a.Wish.Area); ok {
		code = area.Code
	}
	return maySign(ctx, c, f.as, tree.Chain(a.Wish.Area), code)
}

func readVoice(ctx context.Context, desk *alert.Desk, path string) (_ radio.Rendition, err error) {
	file, err := os.Open(path)
	if err != nil {
		return radio.Rendition{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return desk.Voice(ctx, file)
}

// tellAlert says what came of signing.
func tellAlert(e *env, a radio.AlertRecord) error {
	said := "%s: signed by %d; a second person must sign within %s: loaxa alert sign --as LOGIN %[1]s\n"
	switch a.State {
	case radio.AlertIssued:
		said = "%s: signed by %d and sent\n"
		if len(a.Tomb.Signatures) > 0 {
			said = "%s: cancel signed by %d of the two it takes\n"
			_, err := fmt.Fprintf(e.out, said, a.ID, len(a.Tomb.Signatures))
			return err
		}
	case radio.AlertCancelled:
		_, err := fmt.Fprintf(e.out, "%s: cancelled\n", a.ID)
		return err
	default:
		_, err := fmt.Fprintf(e.out, said, a.ID, len(a.Paper.Signatures), radio.AlertSigning)
		return err
	}
	_, err := fmt.Fprintf(e.out, said, a.ID, len(a.Paper.Signatures))
	return err
}

func signAlert(ctx context.Context, e *env, c *central.Central, desk *alert.Desk, f alertFlags) error {
	a, err := desk.Find(ctx, f.id)
	if err != nil {
		return err
	}
	if err := maySignThis(ctx, c, f, a); err != nil {
		return err
	}
	people, err := signers(ctx, e, c, f)
	for i, p := range people {
		if err != nil {
			return err
		}
		if a.State != radio.AlertIssued || i == 0 {
			a, err = desk.Sign(ctx, p.Person, a.ID, a.Version, p.with)
		}
	}
	if err != nil {
		return err
	}
	return tellAlert(e, a)
}

func cancelAlert(ctx context.Context, e *env, c *central.Central, desk *alert.Desk, f alertFlags) error {
	found, err := desk.Find(ctx, f.id)
	if err != nil {
		return err
	}
	if err := maySignThis(ctx, c, f, found); err != nil {
		return err
	}
	people, err := signers(ctx, e, c, f)
	if err != nil {
		return err
	}
	var a radio.AlertRecord
	for _, p := range people {
		if a.State == radio.AlertCancelled {
			break
		}
		if a, err = desk.Cancel(ctx, p.Person, f.id, f.why, p.with); err != nil {
			return err
		}
	}
	return tellAlert(e, a)
}

func listAlerts(ctx context.Context, e *env, c *central.Central, desk *alert.Desk, _ alertFlags) error {
	all, err := desk.List(ctx, "", 50)
	if err != nil {
		return err
	}
	areas, err := c.Areas(ctx)
	if err != nil {
		return err
	}
	tree := radio.NewAreaTree(areas)
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, a := range all {
		kind, area := "alert", a.Wish.Area
		switch {
		case a.Wish.Drill:
			kind = "drill"
		case a.Wish.Standing:
			kind = "standing"
		}
		code := string(area)
		if x, ok := tree.Area(area); ok {
			code = x.Code
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", a.ID, zoned(a.ComposedAt), kind, a.State, code, a.Wish.Headline)
	}
	return t.Flush()
}

// showAlert prints how far an alert has come, device by device.
func showAlert(ctx context.Context, e *env, _ *central.Central, desk *alert.Desk, f alertFlags) error {
	a, err := desk.Find(ctx, f.id)
	if err != nil {
		return err
	}
	b, err := desk.Board(ctx, a)
	if err != nil {
		return err
	}
	if f.json {
		line, err := json.Marshal(b)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.out, "%s\n", line)
		return err
	}
	fmt.Fprintf(e.out, "%s  %s  %s\n", a.ID, a.State, a.Wish.Headline)
	for _, s := range a.Paper.Signatures {
		fmt.Fprintf(e.out, "  signed by %s at %s\n", s.Name, zoned(s.At))
	}
	for _, s := range a.Tomb.Signatures {
		fmt.Fprintf(e.out, "  cancel signed by %s at %s\n", s.Name, zoned(s.At))
	}
	n := b.All.Counts
	fmt.Fprintf(e.out, "  %d devices: %d received, %d running, %d done, %d stopped, %d failed, %d silent\n", n.Devices, n.Received, n.Running, n.Done, n.Stopped, n.Failed, n.Silent)
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	ms := func(n int64) string {
		if n < 0 {
			return "–"
		}
		return fmt.Sprintf("%d ms", n)
	}
	for _, d := range b.Devices {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\treceived %s\trunning %s\tdone %s\t%d cycles\n", d.Code, d.HamletName, d.Word, d.Reason, ms(d.ReceivedMS), ms(d.RunningMS), ms(d.DoneMS), len(d.Cycles))
	}
	return t.Flush()
}
