package radio

import (
	"cmp"
	"slices"
	"time"
)

// AlertWord is what the centre knows of an alert on one device.
type AlertWord string

// Words about a device, from the worst.
const (
	AlertSilent   AlertWord = "silent"   // chưa có tin
	AlertFailed   AlertWord = "failed"   // lỗi: rejected, failed, expired
	AlertReceived AlertWord = "received" // đã nhận
	AlertRunning  AlertWord = "running"  // đang phát
	AlertStopped  AlertWord = "stopped"  // đã dừng: cancelled, or stopped at the device
	AlertDone     AlertWord = "done"     // đã phát xong
)

// AlertWords lists them in the order of boards.
func AlertWords() []AlertWord {
	return []AlertWord{AlertReceived, AlertRunning, AlertDone, AlertStopped, AlertFailed, AlertSilent}
}

// WordOf is what a state says.
func WordOf(state ReceiptState, reason Reason) AlertWord {
	switch state {
	case ReceiptReceived, ReceiptAccepted:
		return AlertReceived
	case ReceiptRunning:
		return AlertRunning
	case ReceiptDone:
		if reason == ReasonCancelled || reason == ReasonLocalStop {
			return AlertStopped
		}
		return AlertDone
	case ReceiptRejected, ReceiptFailed, ReceiptExpired:
		return AlertFailed
	}
	return AlertSilent
}

// AlertCounts counts devices by word.
type AlertCounts struct {
	Devices  int `json:"devices"`
	Received int `json:"received"`
	Running  int `json:"running"`
	Done     int `json:"done"`
	Stopped  int `json:"stopped"`
	Failed   int `json:"failed"`
	Silent   int `json:"silent"`
}

func (c *AlertCounts) add(w AlertWord) {
	c.Devices++
	*map[AlertWord]*int{AlertReceived: &c.Received, AlertRunning: &c.Running, AlertDone: &c.Done, AlertStopped: &c.Stopped,
		AlertFailed: &c.Failed, AlertSilent: &c.Silent}[w]++
}

// Heard counts the devices that have said anything.
func (c AlertCounts) Heard() int { return c.Devices - c.Silent }

// AlertDevice is one device on the board.
type AlertDevice struct {
	AlertTarget
	Word   AlertWord `json:"word"`
	Reason Reason    `json:"reason,omitempty"`
	// Milliseconds from sending to the centre's hearing of it; -1 when it was not heard. One
	// clock measured both ends, the centre's, so the way back is counted too.
	ReceivedMS int64 `json:"received_ms"`
	RunningMS  int64 `json:"running_ms"`
	DoneMS     int64 `json:"done_ms"`
	// Late: it has had a real alert for more than a minute and nothing has sounded.
	Late   bool         `json:"late,omitempty"`
	Cycles []AlertCycle `json:"cycles"`
}

// alertBegins is how long a device may take from its first word to its first sample.
const alertBegins = time.Minute

// Mute says that people there must be told by others.
func (d AlertDevice) Mute() bool { return d.Word == AlertSilent || d.Word == AlertFailed || d.Late }

// AlertHamlet sums up one hamlet (thôn, tổ dân phố).
type AlertHamlet struct {
	Commune     AreaID      `json:"commune"`
	CommuneName string      `json:"commune_name"`
	Hamlet      AreaID      `json:"hamlet"`
	HamletName  string      `json:"hamlet_name"`
	Counts      AlertCounts `json:"counts"`
	// Mute are the devices without a word, those that failed, and those that have not begun
	// to sound: where people must be told by others.
	Mute []AlertDevice `json:"mute"`
}

// AlertTimes are the spread of a latency over the devices heard, in milliseconds.
type AlertTimes struct {
	Count int   `json:"count"`
	P50   int64 `json:"p50_ms"`
	P99   int64 `json:"p99_ms"`
	Max   int64 `json:"max_ms"`
}

// AlertCommune sums up one commune.
type AlertCommune struct {
	Commune  AreaID      `json:"commune"`
	Name     string      `json:"name"`
	Counts   AlertCounts `json:"counts"`
	Received AlertTimes  `json:"received"`
	Running  AlertTimes  `json:"running"`
	Done     AlertTimes  `json:"done"`
	// Planned counts the cycles that were to sound (of a standing alert, those that were
	// begun), Cycles those in the log, Whole those that sounded to their end.
	Planned int `json:"planned"`
	Cycles  int `json:"cycles"`
	Whole   int `json:"whole"`
}

// AlertBoard is the reach of an alert and its scorecard.
type AlertBoard struct {
	Alert    AlertID        `json:"alert"`
	At       Millis         `json:"at"`
	All      AlertCommune   `json:"all"`
	Communes []AlertCommune `json:"communes"`
	Hamlets  []AlertHamlet  `json:"hamlets"`
	Devices  []AlertDevice  `json:"devices"`
	// repeats is how many cycles each device was to sound; 0 for a standing alert.
	repeats int
}

// NewAlertBoard puts together what is known of an alert that was sent. steps are receipts
// of its devices, one for each state. Devices, hamlets and communes stand in the order in
// which targets come.
func NewAlertBoard(r AlertRecord, targets []AlertTarget, steps []Receipt, cycles []AlertCycle, now Millis) AlertBoard {
	b := AlertBoard{Alert: r.ID, At: now, Communes: []AlertCommune{}, Hamlets: []AlertHamlet{}, Devices: []AlertDevice{}}
	if !r.Wish.Standing {
		b.repeats = r.Wish.Repeats
	}
	heard, sounded := map[DeviceID][]Receipt{}, map[DeviceID][]AlertCycle{}
	for _, s := range steps {
		heard[s.Device] = append(heard[s.Device], s)
	}
	for _, c := range cycles {
		sounded[c.Device] = append(sounded[c.Device], c)
	}
	for _, t := range targets {
		d := alertDevice(t, heard[t.Device], r.Paper.SentAt)
		d.Late = d.Word == AlertReceived && r.State == AlertIssued && !r.Wish.Standing && now.Sub(r.Paper.SentAt.Add(time.Duration(d.ReceivedMS)*time.Millisecond)) > alertBegins
		d.Cycles = append([]AlertCycle{}, sounded[t.Device]...)
		slices.SortFunc(d.Cycles, func(a, b AlertCycle) int {
			return cmp.Or(cmp.Compare(a.StartedAt, b.StartedAt), cmp.Compare(a.Cycle, b.Cycle))
		})
		b.Devices = append(b.Devices, d)
	}
	b.sum()
	return b
}

func alertDevice(t AlertTarget, steps []Receipt, sent Millis) AlertDevice {
	d := AlertDevice{AlertTarget: t, Word: AlertSilent, ReceivedMS: -1, RunningMS: -1, DoneMS: -1}
	rank := 0
	for _, s := range steps {
		took := max(int64(s.Received-sent), 0)
		// A later state says the earlier one too: what came first is the first word.
		if d.ReceivedMS < 0 || took < d.ReceivedMS {
			d.ReceivedMS = took
		}
		switch s.State {
		case ReceiptRunning:
			d.RunningMS = took
		case ReceiptDone:
			// One that was cancelled or stopped has not sounded to the end.
			if WordOf(s.State, Reason(s.Reason)) == AlertDone {
				d.DoneMS = took
			}
		}
		if s.State.Rank() > rank && !overtaken(s, steps) {
			rank, d.Word, d.Reason = s.State.Rank(), WordOf(s.State, Reason(s.Reason)), Reason(s.Reason)
		}
	}
	return d
}

// overtaken says that a device refused first and took it later: a newer keyring or newer
// settings had come.
func overtaken(refused Receipt, steps []Receipt) bool {
	return refused.State == ReceiptRejected && slices.ContainsFunc(steps, func(s Receipt) bool {
		return s.State != ReceiptRejected && s.Received >= refused.Received
	})
}

// sum fills the sums from the devices, which are in order.
func (b *AlertBoard) sum() {
	b.All = alertCommune(b.Devices, b.repeats)
	communes, hamlets := map[AreaID][]AlertDevice{}, map[AreaID]int{}
	for _, d := range b.Devices {
		if communes[d.Commune] == nil {
			b.Communes = append(b.Communes, AlertCommune{Commune: d.Commune, Name: d.CommuneName})
		}
		communes[d.Commune] = append(communes[d.Commune], d)
		n, known := hamlets[d.Hamlet]
		if !known {
			n = len(b.Hamlets)
			hamlets[d.Hamlet] = n
			b.Hamlets = append(b.Hamlets, AlertHamlet{Commune: d.Commune, CommuneName: d.CommuneName, Hamlet: d.Hamlet, HamletName: d.HamletName, Mute: []AlertDevice{}})
		}
		h := &b.Hamlets[n]
		h.Counts.add(d.Word)
		if d.Mute() {
			h.Mute = append(h.Mute, d)
		}
	}
	for i, c := range b.Communes {
		b.Communes[i] = alertCommune(communes[c.Commune], b.repeats)
		b.Communes[i].Commune, b.Communes[i].Name = c.Commune, c.Name
	}
}

func alertCommune(devices []AlertDevice, repeats int) AlertCommune {
	var c AlertCommune
	var received, running, done []int64
	for _, d := range devices {
		c.Counts.add(d.Word)
		received, running, done = append(received, d.ReceivedMS), append(running, d.RunningMS), append(done, d.DoneMS)
		for _, x := range d.Cycles {
			c.Cycles++
			if x.Outcome == Aired {
				c.Whole++
			}
		}
	}
	if c.Planned = repeats * len(devices); repeats == 0 {
		c.Planned = c.Cycles
	}
	c.Received, c.Running, c.Done = spread(received), spread(running), spread(done)
	return c
}

// spread gives nearest-rank percentiles of what was heard.
func spread(ms []int64) AlertTimes {
	ms = slices.DeleteFunc(ms, func(n int64) bool { return n < 0 })
	if len(ms) == 0 {
		return AlertTimes{P50: -1, P99: -1, Max: -1}
	}
	slices.Sort(ms)
	at := func(percent int) int64 { return ms[(len(ms)*percent+99)/100-1] }
	return AlertTimes{Count: len(ms), P50: at(50), P99: at(99), Max: ms[len(ms)-1]}
}

// Within keeps what lies in the communes named; nil keeps everything.
func (b AlertBoard) Within(communes []AreaID) AlertBoard {
	if communes == nil {
		return b
	}
	out := AlertBoard{Alert: b.Alert, At: b.At, repeats: b.repeats, Communes: []AlertCommune{}, Hamlets: []AlertHamlet{}, Devices: []AlertDevice{}}
	for _, d := range b.Devices {
		if slices.Contains(communes, d.Commune) {
			out.Devices = append(out.Devices, d)
		}
	}
	out.sum()
	return out
}
