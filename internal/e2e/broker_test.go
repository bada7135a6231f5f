package e2e

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"loaxa/internal/agent/enrol"
	"loaxa/internal/agent/journal"
	"loaxa/internal/clock"
	"loaxa/internal/mqtt"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// TestMosquitto: the same flow with Debian's mosquitto, on the files that the centre makes
// for it, in place of the embedded broker; a broker restarted in the slot loses nothing.
func TestMosquitto(t *testing.T) {
	lane(t, short)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	centrePort := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, []string{"a", "b:32"}, "LOAXA_MQTT_EXTERNAL=mqtts://127.0.0.1:"+strconv.Itoa(centrePort))
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, 8, 440))
	h.upload("hai", "Bản tin hai", tone(t, 4, 660))
	a, b := h.agent("a", `driver: "null"`), h.agent("b", `driver: "null"`)
	m := h.mosquitto(centrePort) // its files name the devices that are enrolled
	due := dueMinute(25 * time.Second)
	h.schedule(due, "mot", "hai")
	a.ready(due)
	b.ready(due)
	h.until(due.Add(2 * time.Second))
	m.kill(t)
	h.until(due.Add(6 * time.Second))
	h.mosquitto(centrePort)
	wantAll(t, h.outcomes(4, 120*time.Second), 4, radio.Aired)
}

// mosquitto starts the installed broker with the files that the centre makes for it.
func (h *house) mosquitto(centrePort int) *process {
	h.t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil { // Debian keeps it outside a user's PATH
			h.t.Fatal("mosquitto is missing: run `make deps-test`")
		}
	}
	me, err := user.Current()
	if err != nil {
		h.t.Fatal(err)
	}
	files, state := filepath.Join(h.dir, "mosquitto"), filepath.Join(h.dir, "mosquitto-state")
	if err := errors.Join(os.RemoveAll(files), os.MkdirAll(state, 0o700)); err != nil {
		h.t.Fatal(err)
	}
	h.command("", "broker-config", "mosquitto", "--out", files, "--state", state, "--user", me.Username,
		"--devices", "127.0.0.1:"+strconv.Itoa(h.ports.mqtt), "--centre", "127.0.0.1:"+strconv.Itoa(centrePort))
	return startProcess(h.t, "mosquitto", filepath.Join(h.dir, "mosquitto.log"), exec.Command(program, "-c", filepath.Join(files, "mosquitto.conf")))
}

// TestSameBatchTenTimes: the device's whole journal is sent again, ten times, by a
// client with the device's own key and certificate. Nothing in the log changes: no
// row more, no word more.
func TestSameBatchTenTimes(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a"})
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, 4, 440))
	a := h.agent("a", `driver: "null"`)
	due := dueMinute(25 * time.Second)
	h.schedule(due, "mot")
	a.ready(due)
	before := h.outcomes(1, time.Until(due)+60*time.Second)
	wantAll(t, before, 1, radio.Aired)
	h.eventually(30*time.Second, "the journal is acknowledged", func() bool {
		s, ok := a.status()
		return ok && s.Journal.Acked == s.Journal.Head
	})
	a.stop(t)
	id, batch := a.journalAgain()
	before = h.log()
	h.sendAgain(id, batch, 10)
	after := h.log()
	if len(after) != len(before) {
		t.Fatalf("%d rows, before %d", len(after), len(before))
	}
	for i := range after {
		if after[i] != before[i] {
			t.Errorf("a row changed:\n %+v\n %+v", before[i], after[i])
		}
	}
}

// journalAgain opens the stopped device's journal and gives its first batch as if
// nothing had been acknowledged.
func (a *agentProcess) journalAgain() (enrol.Identity, wire.JournalPayload) {
	t := a.h.t
	t.Helper()
	j, err := journal.Open(journal.Options{Path: filepath.Join(a.dir, "data", "journal.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	clk, err := clock.New(clock.Options{Assumed: true, Floor: j.Floor()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	id, err := enrol.Load(j)
	if err = errors.Join(err, j.Start(clk, radio.NewID[radio.BootID]()), j.Rewind(t.Context(), j.Status().ID, 0)); err != nil {
		t.Fatal(err)
	}
	batch, ok, err := j.Batch(wire.MaxBatch)
	if err != nil || !ok {
		t.Fatalf("no batch: %v", err)
	}
	batch.Device = id.Device
	return id, batch
}

// sendAgain publishes one batch n times and waits until the centre has answered each.
func (h *house) sendAgain(id enrol.Identity, batch wire.JournalPayload, n int) {
	t := h.t
	t.Helper()
	envelope, err := wire.Seal(wire.Journal, string(id.Device), batch, id.SigningKey())
	if err != nil {
		t.Fatal(err)
	}
	acks := make(chan string, 64)
	up := make(chan struct{}, 1)
	client, err := mqtt.New(mqtt.Options{
		Servers: []string{"mqtts://127.0.0.1:" + strconv.Itoa(h.ports.mqtt)}, ClientID: string(id.Device),
		TLS:           id.TLS(time.Now, "127.0.0.1"),
		Subscriptions: func() []string { return wire.Subscriptions(id.Device, id.Areas) },
		OnConnect:     func(context.Context) { up <- struct{}{} },
		Handle: func(_ context.Context, m mqtt.Message) {
			if m.Topic == wire.DownTopic(id.Device, wire.Ack) {
				acks <- m.Topic
			}
			m.Ack()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	within := time.After(60 * time.Second)
	wait := func(what string, c <-chan struct{}) {
		select {
		case <-c:
		case <-within:
			t.Fatal("not within a minute: " + what)
		}
	}
	wait("connected as the device", up)
	for range n {
		if err := client.Publish(ctx, wire.UpTopic(id.Device, wire.Journal), envelope, false); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		select {
		case <-acks:
		case <-within:
			t.Fatalf("%d of %d batches acknowledged", i, n)
		}
	}
}
