package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/e2e/soundlab"
	"loaxa/internal/radio"
)

const (
	// killMinutes is how many slots, a minute each, the kills fall into.
	killMinutes = 2
	// killTones of four seconds, three times each, fill most of a slot.
	killTones   = 4
	killRepeat  = 3
	killSeconds = 4
	// soakDevices is as many as the centre enrols from one address at once.
	soakDevices = 10
	// afterDeath is how long sound may go on after its agent: what the ring of the output
	// holds, and a second.
	afterDeath = 1400 * time.Millisecond
)

// TestKills: 25 kills at random moments of agents, players and a sound server, while they
// sound. What was planned is what has an outcome, each once; nothing sounds after the
// death of its agent, nothing twice, and no amplifier is left on. KILL_SEED repeats a run.
func TestKills(t *testing.T) {
	lane(t, long)
	seed := uint64(1)
	if s := os.Getenv("KILL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	killRound(t, seed, 25, 6)
}

// TestSoakKill is `make soak-kill`: rounds of 50 kills, each with a seed of its own, until
// SOAK_KILLS have been survived. SOAK_DIR remembers the rounds that are done.
func TestSoakKill(t *testing.T) {
	dir := os.Getenv("SOAK_DIR")
	if dir == "" {
		t.Skip("takes most of an hour: make soak-kill")
	}
	total, err := strconv.Atoi(os.Getenv("SOAK_KILLS"))
	if err != nil || total < 1 {
		t.Fatalf("SOAK_KILLS %q", os.Getenv("SOAK_KILLS"))
	}
	seed, err := strconv.ParseUint(os.Getenv("SOAK_SEED"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "done")
	done, survived := soakDone(t, path)
	for round := seed; survived < total; round++ {
		if done[round] {
			continue
		}
		kills := min(50, total-survived)
		if !t.Run(fmt.Sprintf("seed=%d", round), func(t *testing.T) { killRound(t, round, kills, soakDevices) }) {
			t.Fatalf("round with seed %d failed after %d kills survived", round, survived)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = fmt.Fprintf(f, "%d %d\n", round, kills)
			err = errors.Join(err, f.Sync(), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		survived += kills
		t.Logf("%d of %d kills survived", survived, total)
	}
}

// soakDone reads the rounds that were survived: seed and kills, a line each.
func soakDone(t *testing.T, path string) (map[uint64]bool, int) {
	t.Helper()
	done, kills := map[uint64]bool{}, 0
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return done, 0
	}
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(f); s.Scan(); {
		var seed uint64
		var n int
		if _, err := fmt.Sscan(s.Text(), &seed, &n); err != nil {
			t.Fatalf("%s: %q", path, s.Text())
		}
		done[seed] = true
		kills += n
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return done, kills
}

// victim is one device and what is killed of it.
type victim struct {
	*agentProcess
	kind string
	amp  *relay
	lab  *soundlab.Lab
	rec  *soundlab.Recording
	// dead are the spans without an agent, on Mono.
	dead  []span
	kills int
}

type span struct{ from, to time.Duration }

// Kinds of victims, in the order in which devices get them.
var killKinds = []string{"agent", "player", "server", "agent recorded", "player", "agent"}

// killRound lets devices sound for some minutes, kills seeded, and judges the whole.
func killRound(t *testing.T, seed uint64, kills, devices int) {
	var codes []string
	for i := range devices {
		codes = append(codes, fmt.Sprintf("c%02d", i))
	}
	h := newHouse(t, codes)
	h.serve()
	began := time.Now()
	step := func(what string) { t.Logf("%s after %s", what, time.Since(began).Round(time.Second)) }
	for i := range killTones {
		h.upload(fmt.Sprintf("tin%d", i), fmt.Sprintf("Bản tin %d", i), tone(t, killSeconds, killHertz(i)))
	}
	victims := make([]*victim, devices)
	for i, code := range codes {
		v := &victim{kind: killKinds[i%len(killKinds)], amp: newRelay(t)}
		switch v.kind {
		case "server", "agent recorded":
			v.lab = soundlab.Start(t)
			driver := "alsa"
			if i >= len(killKinds) {
				driver = "oto"
			}
			v.agentProcess = h.agent(code, "driver: "+driver, append(v.lab.Env(soundlab.Sink1), v.amp.env()...)...)
		default:
			v.agentProcess = h.agent(code, `driver: "null"`, v.amp.env()...)
		}
		victims[i] = v
	}
	step("bulletins and agents")
	first := dueMinute(12 * time.Second)
	last := first.Add(killMinutes * time.Minute)
	h.killSchedule(first)
	for _, v := range victims {
		v.ready(first)
		if v.kind == "agent recorded" {
			v.rec = v.lab.Record(t, soundlab.Sink1)
		}
	}
	h.until(first)
	step("first slot")
	var wg sync.WaitGroup
	for i, v := range victims {
		n := kills / devices
		if i < kills%devices {
			n++
		}
		wg.Go(func() { v.suffer(rand.New(rand.NewPCG(seed, uint64(i))), n, last.Add(-20*time.Second)) })
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	step("kills")
	h.judgeKills(victims, kills, first, last)
	step("judged")
}

func killHertz(i int) int { return 500 + 170*i }

// killSchedule lays down a slot for each minute: cron knows no seconds, so many short
// items fill it.
func (h *house) killSchedule(first time.Time) {
	h.t.Helper()
	var b strings.Builder
	b.WriteString("schedules:\n  - code: thu\n    title: Phiên thử\n    targets: [{area: tinh}]\n    from: 2020-01-01\n    slots:\n")
	for m := range killMinutes {
		at := first.Add(time.Duration(m) * time.Minute).In(mustZone(h.t))
		fmt.Fprintf(&b, "      - code: phien%d\n        cron: \"%d %d * * *\"\n        items:\n", m, at.Minute(), at.Hour())
		for i := range killTones {
			fmt.Fprintf(&b, "          - {code: i%d, bulletin: tin%d, repeat: %d}\n", i, i, killRepeat)
		}
	}
	h.write("schedule.yaml", b.String())
	h.importPlan()
}

func mustZone(t *testing.T) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// suffer kills what is to be killed so many times, spread over the time until an instant.
func (v *victim) suffer(r *rand.Rand, kills int, until time.Time) {
	share := time.Until(until) / time.Duration(max(kills, 1))
	for range kills {
		begin := time.Now()
		if !v.sleep(time.Duration(r.Int64N(int64(share * 7 / 10)))) {
			return
		}
		back := 500*time.Millisecond + time.Duration(r.Int64N(int64(2*time.Second)))
		switch v.kind {
		case "player":
			v.killPlayer()
		case "server":
			v.lab.Kill()
			v.sleep(back)
			v.lab.Revive(v.h.t)
		default:
			v.killAgent(back)
		}
		v.kills++
		if !v.sleep(time.Until(begin.Add(share))) {
			return
		}
	}
}

func (v *victim) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-v.h.t.Context().Done():
		return false
	}
}

// killPlayer ends the child that sounds; while none does there is none to kill, and the
// next one is waited for.
func (v *victim) killPlayer() {
	for range 200 {
		if pid := v.child(); pid != 0 {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				v.h.t.Errorf("kill the player of %s: %v", v.code, err)
			}
			return
		}
		v.sleep(100 * time.Millisecond)
	}
	v.h.t.Errorf("%s has had no player for 20 s", v.code)
}

// killAgent ends the agent, not its player, and starts it again a while after the player
// has gone by itself.
func (v *victim) killAgent(back time.Duration) {
	group := v.cmd.Process.Pid
	if err := v.cmd.Process.Kill(); err != nil {
		v.h.t.Errorf("kill %s: %v", v.code, err)
		return
	}
	died := clock.Mono()
	<-v.done
	v.sleep(back)
	for range 100 {
		if errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) {
			break
		}
		v.sleep(100 * time.Millisecond)
	}
	if err := syscall.Kill(-group, 0); !errors.Is(err, syscall.ESRCH) {
		v.h.t.Errorf("the player of %s outlives its agent by %s", v.code, clock.Mono()-died)
	}
	if v.amp.isOn() {
		v.h.t.Errorf("the amplifier of %s is left on after the death of its agent:%s", v.code, v.amp)
	}
	v.dead = append(v.dead, span{died, clock.Mono()})
	v.agentProcess.start()
}

// judgeKills holds what was planned against what has an outcome, and recordings against
// both.
func (h *house) judgeKills(victims []*victim, kills int, first, last time.Time) {
	h.t.Helper()
	done := 0
	for _, v := range victims {
		done += v.kills
	}
	if done != kills {
		h.t.Errorf("%d kills, want %d", done, kills)
	}
	planned := len(victims) * killMinutes * killTones * killRepeat
	var rows []radio.AsRun
	h.eventually(time.Until(last)+100*time.Second, "every planned airing has its outcome", func() bool {
		rows = rows[:0]
		for _, o := range radio.Outcomes()[1:] {
			for _, r := range h.told(o) {
				if r.Start >= radio.At(first) && r.Start < radio.At(last) {
					rows = append(rows, r)
				}
			}
		}
		return len(rows) >= planned
	})
	if len(rows) != planned {
		h.t.Errorf("%d outcomes, %d airings were planned", len(rows), planned)
	}
	sums := map[string]int{}
	sounded := map[string][]radio.AsRun{}
	for _, r := range rows {
		sums[string(r.Outcome)+" "+string(r.Reason)]++
		switch {
		case r.Origin != radio.FromSchedule:
			h.t.Errorf("nobody planned %s of %s", r.Airing, r.DeviceCode)
		case r.Words != 1:
			h.t.Errorf("%s of %s: %d words were said about it, want one: %s %s", r.Title, r.DeviceCode, r.Words, r.Outcome, r.Reason)
		case r.Outcome == radio.Silent, r.Outcome != radio.Aired && r.Reason == radio.NoReason:
			h.t.Errorf("%s of %s: %s without a cause", r.Title, r.DeviceCode, r.Outcome)
		case r.Consumed > r.Expected:
			h.t.Errorf("%s of %s: %d samples of %d sounded", r.Title, r.DeviceCode, r.Consumed, r.Expected)
		}
		if r.Consumed > 0 && r.StartedAt > 0 {
			sounded[r.DeviceCode] = append(sounded[r.DeviceCode], r)
		}
	}
	h.t.Logf("%d kills, %d airings: %v", done, len(rows), sums)
	if sums["aired "] < planned/3 {
		h.t.Errorf("only %d of %d airings went through: nothing is shown by that", sums["aired "], planned)
	}
	for code, list := range sounded {
		oneAfterTheOther(h.t, code, list)
	}
	for _, v := range victims {
		h.eventually(15*time.Second, "the amplifier of "+v.code+" is off", func() bool { return !v.amp.isOn() })
		if v.rec != nil {
			v.judgeRecording(v.rec.Stop(h.t), first)
		}
	}
}

// oneAfterTheOther: what sounded on one device does not overlap. A second is what clock
// and checkpoint may differ by.
func oneAfterTheOther(t *testing.T, code string, list []radio.AsRun) {
	t.Helper()
	sort.Slice(list, func(i, j int) bool { return list[i].StartedAt < list[j].StartedAt })
	for i := 1; i < len(list); i++ {
		end := list[i-1].StartedAt.Time().Add(radio.SamplesDuration(list[i-1].Consumed))
		if over := end.Sub(list[i].StartedAt.Time()); over > time.Second {
			t.Errorf("%s: %s and %s sounded together for %s", code, list[i-1].Title, list[i].Title, over)
		}
	}
}

// judgeRecording: no sound while there was no agent, but for what the output held; and no
// tone longer in its minute than it was planned, so that nothing sounded twice.
func (v *victim) judgeRecording(s soundlab.Sound, first time.Time) {
	t := v.h.t
	t.Helper()
	at := func(mono time.Duration) int {
		return sort.Search(len(s.Left)/441, func(i int) bool { return s.MonoAt(i*441) >= mono }) * 441
	}
	for _, d := range v.dead {
		for i := at(d.from + afterDeath); i < min(at(d.to), len(s.Left)); i++ {
			if s.Left[i] > loud || s.Left[i] < -loud {
				t.Errorf("%s sounds %s after the death of its agent", v.code, s.MonoAt(i)-d.from)
				break
			}
		}
	}
	began := clock.Mono() - time.Since(first)
	const planned = killRepeat * killSeconds * time.Second
	var heard []time.Duration
	for m := range killMinutes {
		from, to := at(began+time.Duration(m)*time.Minute), at(began+time.Duration(m+1)*time.Minute)
		for i := range killTones {
			long := toneLasts(s.Left[from:min(to, len(s.Left))], killHertz(i))
			heard = append(heard, long)
			if long > planned+500*time.Millisecond {
				t.Errorf("%s: tone %d sounds for %s in minute %d, planned are %s", v.code, i, long, m, planned)
			}
		}
	}
	t.Logf("%s recorded, %d spans without an agent: tones of %s", v.code, len(v.dead), heard)
}

// toneLasts is how long a tone is heard, in blocks of a twentieth of a second (Goertzel).
func toneLasts(pcm []int16, hertz int) (long time.Duration) {
	const block = radio.SampleRate / 20
	w := 2 * math.Cos(2*math.Pi*float64(hertz)/radio.SampleRate)
	for ; len(pcm) >= block; pcm = pcm[block:] {
		var a, b, all float64
		for _, x := range pcm[:block] {
			f := float64(x)
			a, b, all = f+w*a-b, a, all+f*f
		}
		// A pure tone has all its energy in its own bin.
		if power := (a*a + b*b - w*a*b) * 2 / block; all > block*loud*loud && power > all/2 {
			long += time.Second / 20
		}
	}
	return long
}
