package e2e

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

// tone makes an MP3 of so many seconds that differs from others by its pitch.
func tone(t *testing.T, seconds, hertz int) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi",
		"-i", fmt.Sprintf("sine=frequency=%d:sample_rate=44100:duration=%d", hertz, seconds), "-ac", "1", "-c:a", "libmp3lame", "-b:a", "96k", "-f", "mp3", "-")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("make a tone (ffmpeg, `make deps`): %v", err)
	}
	return out
}

// decoded gives what a device should sound for a rendition, decoded from the centre's
// own file by the agent's decoder.
func (h *house) decoded(b radio.Bulletin, kbps int) []int16 {
	h.t.Helper()
	r, ok := b.Rendition(kbps)
	if !ok {
		h.t.Fatalf("bulletin %s has no rendition", b.Code)
	}
	return h.pcm(r)
}

// pcm decodes the centre's own file of a rendition.
func (h *house) pcm(r radio.Rendition) []int16 {
	h.t.Helper()
	sha := string(r.SHA256)
	raw, err := os.ReadFile(filepath.Join(h.data(), "audio", sha[:2], sha[2:4], sha))
	if err != nil {
		h.t.Fatal(err)
	}
	d, err := sound.NewDecoder(bytes.NewReader(raw), sound.SpanOf(r))
	if err != nil {
		h.t.Fatal(err)
	}
	var pcm []int16
	buf := make([]int16, 4096)
	for {
		n, err := d.Read(buf)
		pcm = append(pcm, buf[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
	if int64(len(pcm)) != r.Samples {
		h.t.Fatalf("decoded %d samples, the rendition says %d", len(pcm), r.Samples)
	}
	return pcm
}

// recordings gives the samples of every WAV the device left, in order.
func (a *agentProcess) recordings() [][]int16 {
	a.h.t.Helper()
	names, err := filepath.Glob(filepath.Join(a.dir, "recorded", "*.wav"))
	if err != nil {
		a.h.t.Fatal(err)
	}
	var out [][]int16
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			a.h.t.Fatal(err)
		}
		if len(b) < 44 {
			a.h.t.Fatalf("%s has %d bytes", name, len(b))
		}
		pcm := make([]int16, (len(b)-44)/2)
		if _, err := binary.Decode(b[44:44+2*len(pcm)], binary.LittleEndian, pcm); err != nil {
			a.h.t.Fatal(err)
		}
		out = append(out, pcm)
	}
	return out
}

// sounded says where want stands in a recording, sample for sample, or −1.
func sounded(recording, want []int16) int {
	loudest := 0 // silence is everywhere
	for i, v := range want {
		if v > want[loudest] {
			loudest = i
		}
	}
	for i := 0; i+len(want) <= len(recording); i++ {
		if recording[i+loudest] == want[loudest] && equal(recording[i:i+len(want)], want) {
			return i
		}
	}
	return -1
}

func equal(a, b []int16) bool {
	for i := range b {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func wantAll(t *testing.T, rows []radio.AsRun, n int, outcome radio.Outcome) {
	t.Helper()
	if len(rows) != n {
		t.Errorf("%d airings in the log, want %d", len(rows), n)
	}
	for _, r := range rows {
		if r.Outcome != outcome || (outcome == radio.Aired && (r.Consumed != r.Samples || r.Expected != r.Samples)) {
			t.Errorf("%s on %s: %s %s, %d of %d samples, want %s", r.Title, r.DeviceCode, r.Outcome, r.Reason, r.Consumed, r.Expected, outcome)
		}
	}
}

// TestWalk: upload → schedule → slot → confirmation → log, on two devices with the
// two renditions. What each recorded is its rendition, sample for sample, without a
// gap between the items.
func TestWalk(t *testing.T) {
	lane(t, long)
	walk(t, newHouse(t, []string{"a", "b:32"}))
}

// TestWalkOnPostgres is the same with PostgreSQL as the centre's database.
func TestWalkOnPostgres(t *testing.T) {
	lane(t, long)
	if testing.Short() {
		t.Skip("PostgreSQL is not started with -short")
	}
	pg, err := storetest.StartPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(); err != nil {
			t.Error(err)
		}
	})
	dsn, err := pg.Database()
	if err != nil {
		t.Fatal(err)
	}
	walk(t, newHouse(t, []string{"a", "b:32"}, "LOAXA_DATABASE="+dsn))
}

func walk(t *testing.T, h *house) {
	h.serve()
	one := h.upload("mot", "Bản tin một", tone(t, 6, 440))
	two := h.upload("hai", "Bản tin hai", tone(t, 5, 660))
	a, b := h.agent("a", `driver: "null"`), h.agent("b", `driver: "null"`)
	due := dueMinute(25 * time.Second)
	h.schedule(due, "mot", "hai")
	a.ready(due)
	b.ready(due)
	rows := h.outcomes(4, time.Until(due)+60*time.Second)
	wantAll(t, rows, 4, radio.Aired)
	for _, r := range rows {
		if late := r.StartedAt.Sub(r.Start); late < -100*time.Millisecond || late > 100*time.Millisecond {
			t.Errorf("%s on %s began %s beside its instant", r.Title, r.DeviceCode, late)
		}
	}
	for dev, kbps := range map[*agentProcess]int{a: 64, b: 32} {
		dev.stop(t)
		whole := append(h.decoded(one, kbps), h.decoded(two, kbps)...)
		recs := dev.recordings()
		if len(recs) != 1 || sounded(recs[0], whole) < 0 {
			t.Errorf("%s: the two items do not stand in its recording, sample for sample and without a gap (%d recordings)", dev.code, len(recs))
		}
	}
	h.page("/log", "Đã phát", "Xã thử", "Cụm loa a", "Bản tin một")
}

// page reads a page of the console and looks for what must stand in it.
func (h *house) page(path string, words ...string) {
	h.t.Helper()
	resp, err := h.client.Get(h.url(path))
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %d %v", path, resp.StatusCode, err)
	}
	for _, w := range words {
		if !bytes.Contains(b, []byte(w)) {
			h.t.Errorf("%s does not show %q", path, w)
		}
	}
}

// TestBrokerKilledInTheSlot: the centre with its broker dies while the device sounds
// and comes back after the slot. The device played on; the log gets it all once.
func TestBrokerKilledInTheSlot(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a"})
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, 8, 440))
	h.upload("hai", "Bản tin hai", tone(t, 4, 660))
	a := h.agent("a", `driver: "null"`)
	due := dueMinute(25 * time.Second)
	h.schedule(due, "mot", "hai")
	a.ready(due)
	h.until(due.Add(3 * time.Second))
	h.centre.kill(t)
	h.until(due.Add(16 * time.Second))
	h.serve()
	wantAll(t, h.outcomes(2, 90*time.Second), 2, radio.Aired)
}

// TestPowerCutInTheBulletin: the agent and its player are killed 14 s into a bulletin
// of 24 s and started again at once. The bulletin is partial, at least what the last
// checkpoint says; it is not begun again; the next item plays.
func TestPowerCutInTheBulletin(t *testing.T) {
	lane(t, long)
	h := newHouse(t, []string{"a"})
	h.serve()
	h.upload("dai", "Bản tin dài", tone(t, 24, 440))
	h.upload("sau", "Bản tin sau", tone(t, 4, 660))
	a := h.agent("a", `driver: "null"`)
	due := dueMinute(25 * time.Second)
	h.schedule(due, "dai", "sau")
	a.ready(due)
	h.until(due.Add(14 * time.Second))
	a.kill(t)
	a.start()
	rows := h.outcomes(2, 90*time.Second)
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, r := range rows {
		switch r.Title {
		case "Bản tin dài":
			if r.Outcome != radio.Partial || r.Reason != radio.ReasonOff || !r.AtLeast {
				t.Errorf("the cut bulletin is %s %s, at least: %v", r.Outcome, r.Reason, r.AtLeast)
			}
			if s := float64(r.Consumed) / radio.SampleRate; s < 5 || s > 14.5 {
				t.Errorf("the checkpoint says %.1f s of the 14 s that sounded", s)
			}
		case "Bản tin sau":
			if r.Outcome != radio.Aired {
				t.Errorf("the next item is %s %s", r.Outcome, r.Reason)
			}
		}
	}
}

// TestFlippedByte: a bit rots in cache.db before the slot. The audio is fetched again
// and what sounds is right, sample for sample.
func TestFlippedByte(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a"})
	h.serve()
	one := h.upload("mot", "Bản tin một", tone(t, 6, 440))
	a := h.agent("a", `driver: "null"`)
	due := dueMinute(30 * time.Second)
	h.schedule(due, "mot")
	a.ready(due)
	a.stop(t)
	r, _ := one.Rendition(64)
	sha := string(r.SHA256)
	raw, err := os.ReadFile(filepath.Join(h.data(), "audio", sha[:2], sha[2:4], sha))
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(a.dir, "data", "cache.db")
	db, err := os.ReadFile(cache)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(db, raw[20000:20200])
	if at < 0 {
		t.Fatal("the audio does not stand in cache.db as it is")
	}
	db[at+100] ^= 0x10
	if err := os.WriteFile(cache, db, 0o600); err != nil {
		t.Fatal(err)
	}
	a.start()
	wantAll(t, h.outcomes(1, time.Until(due)+60*time.Second), 1, radio.Aired)
	a.stop(t)
	recs := a.recordings()
	if len(recs) == 0 || sounded(recs[len(recs)-1], h.decoded(one, 64)) < 0 {
		t.Error("what sounded is not the bulletin, sample for sample")
	}
}
