package fleet

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"loaxa/internal/radio"
)

// maxAlerts bounds the alerts whose arrival is measured.
const maxAlerts = 256

// stats counts what the whole fleet does.
type stats struct {
	enrolled, connected, connects, welcomes  atomic.Int64
	messages, lost, refused, documents       atomic.Int64
	results, heldBack, voices, failed, drops atomic.Int64

	mu     sync.Mutex
	alerts map[string]*arrivals
}

// arrivals is when each device took an alert or its tombstone for the first time.
type arrivals struct {
	id       radio.AlertID
	cancel   bool
	issued   radio.Millis
	at       map[radio.DeviceID]int64 // microseconds of the unix clock
	repeated int
	told     int
}

// heard notes an arrival.
func (s *stats) heard(a radio.Alert, d radio.DeviceID, at time.Time) {
	key := string(a.ID) + strconv.FormatBool(a.Cancel)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.alerts[key]
	if x == nil {
		if len(s.alerts) >= maxAlerts {
			return
		}
		if s.alerts == nil {
			s.alerts = map[string]*arrivals{}
		}
		x = &arrivals{id: a.ID, cancel: a.Cancel, issued: a.IssuedAt, at: map[radio.DeviceID]int64{}}
		s.alerts[key] = x
	}
	if _, known := x.at[d]; known {
		x.repeated++
		return
	}
	x.at[d] = at.UnixMicro()
}

// Line is one line of the statistics.
type Line struct {
	Event  string       `json:"event"` // enrolled, stats, summary
	At     radio.Millis `json:"at"`
	UpS    float64      `json:"up_s"`
	Agents int          `json:"agents"`
	// Connected now; Connects, Welcomes and the following counted since the start.
	Connected int64 `json:"connected"`
	Enrolled  int64 `json:"enrolled"`
	Connects  int64 `json:"connects"`
	Welcomes  int64 `json:"welcomes"`
	Messages  int64 `json:"messages"`
	Documents int64 `json:"documents"`
	Refused   int64 `json:"refused"`
	Voices    int64 `json:"voices"`
	Lost      int64 `json:"lost"`  // messages spoilt by --loss
	Drops     int64 `json:"drops"` // connections broken by storms
	Results   int64 `json:"results"`
	HeldBack  int64 `json:"held_back"` // records the journals did not take
	Failed    int64 `json:"failed"`    // agents that ended by themselves
	// Head and Acked sum up the journals.
	Head       uint64  `json:"head"`
	Acked      uint64  `json:"acked"`
	RSSKB      int64   `json:"rss_kb"`
	AgentKB    float64 `json:"agent_kb"` // of the memory, without what was there before the first
	HeapKB     uint64  `json:"heap_kb"`
	StackKB    uint64  `json:"stack_kb"`
	Goroutines int     `json:"goroutines"`
}

// AlertLine tells how an alert arrived: instants in microseconds of the unix clock, to be
// held against when it was published.
type AlertLine struct {
	Event    string        `json:"event"` // alert
	Alert    radio.AlertID `json:"alert"`
	Cancel   bool          `json:"cancel"`
	IssuedAt radio.Millis  `json:"issued_at"`
	Devices  int           `json:"devices"`
	Repeated int           `json:"repeated"`
	FirstUS  int64         `json:"first_us"`
	P50US    int64         `json:"p50_us"`
	P99US    int64         `json:"p99_us"`
	MaxUS    int64         `json:"max_us"`
}

// line sums everything up.
func (f *Fleet) line(event string, agents []*agent) Line {
	s := &f.stats
	l := Line{Event: event, At: radio.At(f.clock.Now()), UpS: (f.clock.Mono() - f.began).Seconds(), Agents: len(agents),
		Connected: s.connected.Load(), Enrolled: s.enrolled.Load(), Connects: s.connects.Load(), Welcomes: s.welcomes.Load(),
		Messages: s.messages.Load(), Documents: s.documents.Load(), Refused: s.refused.Load(), Voices: s.voices.Load(),
		Lost: s.lost.Load(), Drops: s.drops.Load(), Results: s.results.Load(), HeldBack: s.heldBack.Load(), Failed: s.failed.Load(),
		RSSKB: residentKB(), Goroutines: runtime.NumGoroutine()}
	for _, a := range agents {
		j := a.journal.Status()
		l.Head, l.Acked = l.Head+j.Head, l.Acked+j.Acked
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l.HeapKB, l.StackKB = m.HeapInuse>>10, m.StackInuse>>10
	if len(agents) > 0 && l.RSSKB > 0 {
		l.AgentKB = float64(l.RSSKB-f.baseKB) / float64(len(agents))
	}
	return l
}

// lines gives the alerts whose arrivals have changed since they were told.
func (s *stats) lines() []AlertLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []AlertLine
	for _, x := range s.alerts {
		if len(x.at)+x.repeated == x.told {
			continue
		}
		x.told = len(x.at) + x.repeated
		at := make([]int64, 0, len(x.at))
		for _, t := range x.at {
			at = append(at, t)
		}
		slices.Sort(at)
		rank := func(percent int) int64 { return at[(len(at)*percent+99)/100-1] }
		out = append(out, AlertLine{Event: "alert", Alert: x.id, Cancel: x.cancel, IssuedAt: x.issued, Devices: len(at), Repeated: x.repeated,
			FirstUS: at[0], P50US: rank(50), P99US: rank(99), MaxUS: at[len(at)-1]})
	}
	slices.SortFunc(out, func(a, b AlertLine) int { return int(a.FirstUS - b.FirstUS) })
	return out
}

// tell writes lines of JSON.
func tell(w io.Writer, lines ...any) error {
	for _, l := range lines {
		b, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("write statistics: %w", err)
		}
		if _, err := w.Write(append(b, '\n')); err != nil {
			return fmt.Errorf("write statistics: %w", err)
		}
	}
	return nil
}

// residentKB is the memory of this process; 0 where it cannot be read.
func residentKB() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}
