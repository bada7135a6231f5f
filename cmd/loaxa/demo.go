package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"loaxa/internal/central"
	"loaxa/internal/config"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/schedules"
)

// Who lays the demo down; demo_people.go has all its accounts.
const (
	demoAuthor, demoApprover = "bien-tap", "duyet"
	demoMarker               = ".loaxa-demo"
)

var demoDevices = []string{"demo-1", "demo-2", "demo-3"}

// demo walks one bulletin through the whole house on this machine.
func demo(ctx context.Context, e *env, args []string) (int, error) {
	if len(args) > 0 && args[0] == "code" {
		return demoCode(e, args[1:])
	}
	fs, _ := e.flags("demo")
	dir := fs.String("dir", "demo-data", "folder for the demo's data; an earlier demo there is thrown away")
	agent := fs.String("agent", "loaxa-agent", "the agent's `program`")
	once := fs.Bool("once", false, "end when every airing has its outcome; the last line is one JSON object")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	d := &demoRun{out: e.out, dir: *dir, agent: *agent, began: time.Now(), password: demoPassword()}
	if err := d.prepare(); err != nil {
		return 1, err
	}
	code, err := d.run(ctx, *once)
	if ctx.Err() != nil && !*once {
		return 0, nil
	}
	return code, err
}

type demoRun struct {
	out    io.Writer
	dir    string
	agent  string
	began  time.Time
	step   int
	cfg    central.Config
	centre *central.Central
	agents []*demoAgent
	due    time.Time
	// password of every account and key of this demo.
	password string
	zone     *time.Location // of the province
}

// tell narrates one step of the walk.
func (d *demoRun) tell(format string, args ...any) {
	d.step++
	fmt.Fprintf(d.out, "\n[%2d] %5.1fs  %s\n", d.step, time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

func (d *demoRun) note(format string, args ...any) {
	fmt.Fprintf(d.out, "             %s\n", fmt.Sprintf(format, args...))
}

// prepare makes an empty folder; one that is not an earlier demo's is left alone.
func (d *demoRun) prepare() error {
	entries, err := os.ReadDir(d.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case len(entries) > 0:
		if _, err := os.Stat(filepath.Join(d.dir, demoMarker)); err != nil {
			return fmt.Errorf("%s is not an earlier demo's folder; choose another with --dir", d.dir)
		}
		if err := os.RemoveAll(d.dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	if d.dir, err = filepath.Abs(d.dir); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, demoMarker), []byte("thrown away by the next demo\n"), 0o600)
}

func (d *demoRun) run(ctx context.Context, once bool) (code int, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := d.openCentre(ctx); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, d.centre.Close()) }()
	if err := d.layDown(ctx); err != nil {
		return 1, err
	}
	if d.zone, err = d.centre.LogZone(ctx); err != nil {
		return 1, err
	}
	served := make(chan error, 1)
	go func() { served <- d.centre.Run(ctx) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()
	defer func() { err = errors.Join(err, d.stopAgents()) }()
	walked := make(chan error, 1)
	go func() { walked <- d.walk(ctx) }()
	select {
	case err = <-served:
		served <- err
		return 1, fmt.Errorf("the centre ended: %w", err)
	case err = <-walked:
	}
	if err != nil {
		return 1, err
	}
	code, err = d.report(ctx)
	if err == nil && !once {
		d.tell("The console stays up at %s (Ctrl-C ends the demo).", d.cfg.People.Address())
		d.note("codes of the moment, to sign in and to approve: %s", d.codeCommand())
		<-ctx.Done()
	}
	return code, err
}

// openCentre configures a centre on free ports of loopback.
func (d *demoRun) openCentre(ctx context.Context) error {
	ports, err := freePorts(8080, 8443, 8883)
	if err != nil {
		return err
	}
	at := func(i int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[i])) }
	d.cfg = central.DefaultConfig()
	d.cfg.Data = filepath.Join(d.dir, "centre")
	d.cfg.People.Listen, d.cfg.Devices.Listen, d.cfg.MQTT.Listen = at(0), at(1), at(2)
	d.cfg.Devices.Hosts = []string{"127.0.0.1"}
	d.cfg.Jitter = config.Duration(0)
	d.cfg.Faults.AssumedClocks = true
	d.cfg.FetchFrom, d.cfg.FetchTo = "00:00", "00:00"
	logFile, err := os.OpenFile(filepath.Join(d.dir, "centre.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	d.centre, err = open(ctx, d.cfg, slog.New(slog.NewTextHandler(logFile, nil)))
	return err
}

// freePorts gives each port wanted, or another free one where it is taken.
func freePorts(wanted ...int) ([]int, error) {
	ports := make([]int, len(wanted))
	for i, w := range wanted {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(w)))
		if err != nil {
			if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return nil, err
			}
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// layDown does what people do before the first day: accounts, plan, keys.
func (d *demoRun) layDown(ctx context.Context) error {
	d.tell("The centre begins at %s; every account and every signing key of the demo has the password %s", d.cfg.People.Address(), d.password)
	if err := d.addAccounts(ctx, demoProvince()); err != nil {
		return err
	}
	// Far enough ahead that no airing of this first plan freezes.
	first := time.Now().Truncate(time.Minute).Add(36 * time.Hour)
	d.tell("Upload and plan: %s writes; ffmpeg makes house format, every frame is walked and decoded; nobody has signed yet", demoAuthor)
	if err := d.importAt(ctx, first, ""); err != nil {
		return err
	}
	if err := d.addAccounts(ctx, demoCommunes()); err != nil {
		return err
	}
	root, err := trust.Generate()
	if err != nil {
		return err
	}
	if err := trust.SaveKey(filepath.Join(d.dir, "root.jwk"), root); err != nil {
		return err
	}
	err = d.centre.MakeKeys(ctx, root, trust.Endpoints{
		Brokers: []string{"mqtts://" + d.cfg.MQTT.Listen}, Media: []string{"https://" + d.cfg.Devices.Listen},
	})
	if err != nil {
		return err
	}
	d.tell("Keys: root %s… signs the keyring, its online key will sign every document, and persons sign with their own", root.KID()[:8])
	if err := d.addKeys(ctx, root); err != nil {
		return err
	}
	if err := d.addSeconds(ctx); err != nil {
		return err
	}
	d.tell("Approval: %s signs for the audio of every bulletin; without that no device would play it", demoApprover)
	return d.importAt(ctx, first, d.password)
}

// importAt lays the demo's folder down; with a password its approver signs.
func (d *demoRun) importAt(ctx context.Context, at time.Time, password string) error {
	fsys, err := schedules.Demo(at)
	if err != nil {
		return err
	}
	var diff strings.Builder
	if _, err := d.centre.Import(ctx, "demo", fsys, demoAuthor, demoApprover, password, false, &diff); err != nil {
		return err
	}
	for line := range strings.Lines(diff.String()) {
		d.note("%s", strings.TrimRight(line, "\n"))
	}
	return nil
}

// walk starts the agents and follows the bulletin until it has been confirmed.
func (d *demoRun) walk(ctx context.Context) error {
	if err := d.startAgents(ctx); err != nil {
		return err
	}
	err := d.until(ctx, 90*time.Second, "every agent reports ready", func(s radio.Status) bool {
		for _, a := range s.Audio {
			if !a.Ready {
				return false
			}
		}
		return s.Link.Connected && s.Revisions.Programme > 0 && s.Revisions.Policy > 0 && len(s.Audio) > 0
	})
	if err != nil {
		return err
	}
	d.tell("Ready: all three agents hold programme, policy and every verified audio; audio came over HTTPS by its hash")
	d.due = time.Now().Add(30 * time.Second).Truncate(time.Minute).Add(time.Minute)
	d.tell("A change of plan: the slot is put at %s, in %.0f s", d.clock(d.due), time.Until(d.due).Seconds())
	if err := d.importAt(ctx, d.due, d.password); err != nil {
		return err
	}
	err = d.until(ctx, 30*time.Second, "the new programme is active everywhere", func(s radio.Status) bool {
		return len(s.Next) > 0 && s.Next[0].Start == radio.At(d.due)
	})
	if err != nil {
		return err
	}
	d.tell("Sent: signed, retained, verified and active on all three; the airings are frozen in the log as pending")
	if err := d.showNext(ctx); err != nil {
		return err
	}
	return d.confirm(ctx)
}

// until waits for every device's own report to satisfy ok.
func (d *demoRun) until(ctx context.Context, limit time.Duration, what string, ok func(radio.Status) bool) error {
	deadline := time.After(limit)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		all, err := d.statuses(ctx)
		if err != nil {
			return err
		}
		fit := 0
		for _, s := range all {
			if ok(s) {
				fit++
			}
		}
		if fit == len(demoDevices) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("after %s: %d of %d: %s; see the logs in %s", limit, fit, len(demoDevices), what, d.dir)
		case <-tick.C:
		}
	}
}

// report prints the log and, last, one JSON object.
func (d *demoRun) report(ctx context.Context) (int, error) {
	page, err := d.centre.Log(ctx, radio.LogFilter{}, radio.MaxLogRows)
	if err != nil {
		return 1, err
	}
	totals, err := d.centre.LogTotals(ctx, radio.LogFilter{})
	if err != nil {
		return 1, err
	}
	d.tell("Confirmed: the log, planned against aired")
	t := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	for _, r := range slices.Backward(page.Rows) {
		late := "–"
		if r.StartedAt != 0 {
			late = fmt.Sprintf("%+d ms", int64(r.StartedAt-r.Start))
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s %s\t%.1f/%.1f s\t%s\t%s\n", d.clock(r.Start.Time()), r.DeviceCode, r.Title,
			r.Outcome, r.Reason, seconds(r.Consumed), seconds(r.Expected), late, r.Proof)
	}
	if err := t.Flush(); err != nil {
		return 1, err
	}
	for _, a := range d.agents {
		d.note("recorded: %s/*.wav", a.wav)
	}
	result := struct {
		Planned  int64                   `json:"planned"`
		Outcomes map[radio.Outcome]int64 `json:"outcomes"`
		Devices  int                     `json:"devices"`
		Seconds  float64                 `json:"seconds"`
	}{totals.Planned, totals.Outcomes, len(demoDevices), float64(time.Since(d.began).Milliseconds()) / 1000}
	line, err := json.Marshal(result)
	if err != nil {
		return 1, err
	}
	fmt.Fprintf(d.out, "\n%s\n", line)
	if result.Planned == 0 || result.Outcomes[radio.Aired] != result.Planned {
		return 1, nil
	}
	return 0, nil
}

func seconds(samples int64) float64 { return float64(samples) / radio.SampleRate }
