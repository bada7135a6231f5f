package preview_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"loaxa/internal/central/preview"
	"loaxa/internal/central/programme"
	"loaxa/internal/radio"
)

const zone = "Asia/Ho_Chi_Minh"

// now is Monday 23 November 2026, 10:00 in Hanoi.
var now = time.Date(2026, time.November, 23, 3, 0, 0, 0, time.UTC)

func id[T ~string](kind byte, n int) T {
	return radio.IDFromBytes[T]([16]byte{1, kind, byte(n >> 16), byte(n >> 8), byte(n)})
}

func area(n int) radio.AreaID         { return id[radio.AreaID]('a', n) }
func device(n int) radio.DeviceID     { return id[radio.DeviceID]('d', n) }
func bulletin(n int) radio.BulletinID { return id[radio.BulletinID]('b', n) }
func hash(n int) radio.SHA256         { return radio.SHA256(fmt.Sprintf("%064x", 0xabcdef0000+n)) }
func scheduleID(n int) radio.ScheduleID {
	return id[radio.ScheduleID]('s', n)
}

// house is a province with what its people laid down and its devices said.
type house struct {
	plan   radio.Plan
	places []radio.Place
	gone   []radio.SHA256
	states map[radio.DeviceID]radio.DeviceState
	issued map[radio.DeviceID]int64
	fail   error
	// still: nothing has changed since the question before.
	still      bool
	generation int64
	read       int // how often the plan was
	views      []radio.DeviceView
	tuning     programme.Tuning
}

func (h *house) Plan(context.Context) (radio.Plan, error) {
	h.read++
	return h.plan, h.fail
}
func (h *house) Places(context.Context) ([]radio.Place, error) { return h.places, nil }
func (h *house) WithdrawnHashes(context.Context, radio.Millis) ([]radio.SHA256, error) {
	return h.gone, nil
}

// Generation: tests change the plan behind the preview's back.
func (h *house) Generation(context.Context) (int64, error) {
	if !h.still {
		h.generation++
	}
	return h.generation, nil
}

func (h *house) Views(context.Context) ([]radio.DeviceView, error) {
	if len(h.views) == len(h.places) && h.still {
		return h.views, nil
	}
	h.views = nil
	for _, p := range h.places {
		v := radio.DeviceView{Place: p, State: h.states[p.Device.ID], Issued: map[string]radio.DocumentRevision{"programme": {Revision: h.issued[p.Device.ID]}}}
		var s radio.Status
		if json.Unmarshal(v.State.Reported, &s) == nil {
			v.Status = &s
		}
		h.views = append(h.views, v)
	}
	return h.views, nil
}

// stands: every signature holds that is not said to have lapsed.
func (h *house) stands(b radio.Bulletin) error {
	if b.Signed.KID == lapsed {
		return radio.ErrForbidden
	}
	return nil
}

// lapsed is the key whose signatures hold no more.
const lapsed = "lapsed"

func (h *house) preview() *preview.Preview {
	return preview.New(h, h, programme.Resolver{Stands: h.stands, Tuning: h.tuning}, func() time.Time { return now })
}

// newHouse: province 1; communes 10, 20 with two hamlets each (11, 12, 21, 22), a commune
// 30 without devices; in each hamlet two devices, all in order: enrolled, connected, and
// with the audio of bulletins 1 to 5. Device numbers are the hamlet's, times ten.
func newHouse() *house {
	h := &house{states: map[radio.DeviceID]radio.DeviceState{}, issued: map[radio.DeviceID]int64{}}
	province := radio.Area{ID: area(1), Kind: radio.Province, Code: "ha-tinh", Name: "Hà Tĩnh", Zone: zone}
	h.plan.Areas = append(h.plan.Areas, province)
	for c := 10; c <= 30; c += 10 {
		commune := radio.Area{ID: area(c), Kind: radio.Commune, Code: fmt.Sprint("xa-", c), Name: fmt.Sprint("Xã ", c), Parent: area(1)}
		h.plan.Areas = append(h.plan.Areas, commune)
		for k := c + 1; k <= c+2 && c < 30; k++ {
			hamlet := radio.Area{ID: area(k), Kind: radio.Hamlet, Code: fmt.Sprint("thon-", k), Name: fmt.Sprint("Thôn ", k), Parent: area(c)}
			h.plan.Areas = append(h.plan.Areas, hamlet)
			for n := 10*k + 1; n <= 10*k+2; n++ {
				h.add(radio.Place{Device: radio.Device{ID: device(n), Code: fmt.Sprint("cum-", n), Name: fmt.Sprint("Cụm ", n), Hamlet: hamlet.ID,
					Rendition: 64, Enrolled: radio.At(now.AddDate(0, -1, 0))}, Chain: []radio.Area{province, commune, hamlet}})
			}
		}
	}
	for n := 1; n <= 5; n++ {
		h.plan.Bulletins = append(h.plan.Bulletins, approved(n, 60*n))
	}
	return h
}

func (h *house) add(p radio.Place) {
	h.places = append(h.places, p)
	h.plan.Devices = append(h.plan.Devices, p.Device)
	h.issued[p.Device.ID] = now.Add(-time.Hour).Unix()
	h.says(p.Device.ID, h.issued[p.Device.ID], 1, 2, 3, 4, 5)
}

// says lays down a device's report: its programme, and the bulletins it has.
func (h *house) says(d radio.DeviceID, revision int64, have ...int) {
	s := radio.Status{Device: d, Revisions: radio.RevisionStatus{Programme: revision}}
	for _, n := range have {
		s.Audio = append(s.Audio, radio.AudioStatus{SHA256: hash(2 * n), Ready: true})
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	h.states[d] = radio.DeviceState{Device: d, Presence: radio.Presence{Alive: true, Connection: 1, At: radio.At(now.Add(-time.Hour))}, Reported: b}
}

// change alters what a device said.
func (h *house) change(d radio.DeviceID, f func(*radio.Status)) {
	state := h.states[d]
	var s radio.Status
	if err := json.Unmarshal(state.Reported, &s); err != nil {
		panic(err)
	}
	f(&s)
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	state.Reported = b
	h.states[d] = state
}

// approved gives a bulletin of whole seconds in both renditions.
func approved(n, seconds int) radio.Bulletin {
	b := radio.Bulletin{ID: bulletin(n), Code: fmt.Sprint("tin-", n), Version: 1, Title: fmt.Sprint("Bản tin số ", n), State: radio.Approved,
		Area: area(1), Signed: &radio.ApprovalRow{Area: area(1), SignedApproval: radio.SignedApproval{Protected: "header", At: 1, Signature: "signature"}}}
	samples := int64(seconds) * radio.SampleRate
	frames := int((samples + radio.FrameSamples - 1) / radio.FrameSamples)
	for i, kbps := range []int{64, 32} {
		b.Renditions = append(b.Renditions, radio.Rendition{SHA256: hash(2*n + i), Kbps: kbps, Bytes: int64(frames) * 209 / int64(1+i), Frames: frames,
			Samples: samples, Tail: int(int64(frames)*radio.FrameSamples - samples)})
	}
	return b
}

func schedule(n int, target radio.Target, slots ...radio.Slot) radio.Schedule {
	return radio.Schedule{ID: scheduleID(n), Code: fmt.Sprint("lich-", n), Title: fmt.Sprint("Lịch số ", n), Version: 1, Priority: radio.Normal,
		Targets: []radio.Target{target}, Zone: zone, GraceSeconds: 120, Slots: slots}
}

func slot(n int, rule string, bulletins ...int) radio.Slot {
	s := radio.Slot{ID: id[radio.SlotID]('l', n), Code: fmt.Sprint("khung-", n), Cron: rule}
	for i, b := range bulletins {
		s.Items = append(s.Items, radio.Entry{ID: id[radio.EntryID]('e', 64*n+i), Code: fmt.Sprint("muc-", i), Kind: radio.KindAudio, Bulletin: bulletin(b), Repeat: 1})
	}
	return s
}

func conflicts(t *testing.T, h *house, candidates ...radio.Schedule) []radio.Conflict {
	t.Helper()
	got, err := h.preview().Conflicts(t.Context(), candidates)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
