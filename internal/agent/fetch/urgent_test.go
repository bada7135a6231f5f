package fetch

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// fakeUrgent is the room of emergencies with a voice that has not come.
type fakeUrgent struct {
	mu   sync.Mutex
	list []radio.Rendition
}

func (f *fakeUrgent) Wanted() []radio.Rendition {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list
}

func (f *fakeUrgent) set(files ...[]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
	for _, b := range files {
		f.list = append(f.list, light(b))
	}
}

func light(b []byte) radio.Rendition {
	return radio.Rendition{SHA256: hashOf(b), Kbps: 32, Bytes: int64(len(b)), Frames: 10, Samples: 11520}
}

func (l *lab) urgent(t *testing.T, u Urgent) {
	t.Helper()
	f, err := New(Options{Device: id[radio.DeviceID](1), Plan: l.plan, Cache: l.cache, Clock: l.clock, Faults: l.faults, Urgent: u,
		Client: &http.Client{Transport: l.host}, ChunkSize: chunk})
	if err != nil {
		t.Fatal(err)
	}
	l.Fetcher = f
}

// The emergency set comes before everything, at any hour, without a programme and
// without a clock; and it is no audio of the programme.
func TestEmergencySetFirst(t *testing.T) {
	for name, p := range map[string]*radio.Programme{"with a programme": programme(slot{file(1, 2500), "1 12 * * *"}), "without": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				news, siren, lead := file(1, 2500), file(2, 2500), file(3, 2500)
				l := newLab(t, p, news, siren, lead)
				l.urgent(t, nil)
				l.clock.SetState(clock.Untrusted, clock.SourceNone, 0)
				l.plan.settings.FetchFrom, l.plan.settings.FetchTo, l.plan.settings.JitterMS = 0, 60, 3_600_000
				l.plan.settings.Emergency = []radio.EmergencyAudio{{Role: radio.RoleSiren, Rendition: light(siren)}, {Role: radio.RoleLeadIn, Rendition: light(lead)}}
				l.during(t, 10*time.Second)
				if !l.ready(siren, lead) || l.ready(news) || len(l.host.log) != 2 {
					t.Errorf("asked for %q", l.host.log)
				}
				want := 0
				if p != nil {
					want = 1
				}
				if s := l.Status(); len(s) != want {
					t.Errorf("audio of the programme %+v", s)
				}
			})
		})
	}
}

// A full cache makes room for the set, and never of it.
func TestEmergencySetIsNeverEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		siren, news, more := file(1, 2500), file(2, 2500), file(3, 2500)
		l := newLab(t, programme(slot{news, "1 12 * * *"}), siren, news, more)
		l.plan.settings.Emergency = []radio.EmergencyAudio{{Role: radio.RoleSiren, Rendition: light(siren)}}
		l.cache.max = 5500
		l.during(t, 5*time.Second)
		l.plan.set(programme(slot{more, "1 12 * * *"}))
		l.during(t, 5*time.Second)
		if !l.ready(siren, more) || l.cache.evicted != 1 {
			t.Errorf("siren %t, more %t, %d evicted", l.ready(siren), l.ready(more), l.cache.evicted)
		}
	})
}

// A cache full of what the programme needs makes room for the set all the same, first
// from what does not air soon.
func TestEmergencySetTakesRoomOfTheProgramme(t *testing.T) {
	for name, c := range map[string]struct {
		max                int64
		soon, later, siren bool
	}{
		"room of what airs later":       {5000, true, false, true},
		"room of what airs soon if not": {2500, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				siren, soon, later := file(1, 2500), file(2, 2500), file(3, 2500)
				l := newLab(t, programme(slot{soon, "1 12 * * *"}, slot{later, "1 12 1 1 *"}), siren, soon, later)
				l.cache.max = 5000
				l.during(t, 5*time.Second)
				if !l.ready(soon, later) {
					t.Fatal("the programme is not here")
				}
				l.cache.max = c.max
				l.plan.mu.Lock()
				l.plan.settings.Emergency = []radio.EmergencyAudio{{Role: radio.RoleSiren, Rendition: light(siren)}}
				l.plan.mu.Unlock()
				l.during(t, 5*time.Second)
				again := 0
				for _, asked := range l.host.log {
					if asked == "a"+string(hashOf(soon)[:4]) {
						again++
					}
				}
				if c.soon && again != 1 {
					t.Errorf("what airs soon was asked for %d times: %q", again, l.host.log)
				}
				if l.ready(soon) != c.soon || l.ready(later) != c.later || l.ready(siren) != c.siren {
					t.Errorf("soon %t, later %t, siren %t", l.ready(soon), l.ready(later), l.ready(siren))
				}
			})
		})
	}
}

// A voice that did not come by itself goes before what is under way.
func TestVoiceGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long, voice := file(1, 60*chunk), file(2, 2500)
		u := &fakeUrgent{}
		l := newLab(t, programme(slot{long, "1 12 * * *"}), long, voice)
		l.urgent(t, u)
		l.host.odd = func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				u.set(voice) // while the first bytes of the long one come
			}
			return nil, nil
		}
		l.during(t, 30*time.Second)
		if !l.ready(long, voice) {
			t.Errorf("asked for %q", l.host.log)
		}
		if len(l.host.log) != 3 || l.host.log[1][:5] != "a"+string(hashOf(voice)[:4]) {
			t.Errorf("asked for %q, want the voice second", l.host.log)
		}
	})
}

// Nor does it wait for the rest of a chunk: on a slow line that takes half a minute.
func TestVoiceBreaksIntoAChunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long, voice := file(1, 60*chunk), file(2, 2500)
		u := &fakeUrgent{}
		l := newLab(t, programme(slot{long, "1 12 * * *"}), long, voice)
		l.urgent(t, u)
		begun := time.Now()
		var asked time.Duration
		l.host.odd = func(n int, r *http.Request) (*http.Response, error) {
			if n == 2 {
				asked = time.Since(begun)
			}
			if n > 1 {
				return nil, nil
			}
			resp := answer(200)
			resp.ContentLength, resp.Body = int64(len(long)), &drop{r.Context()}
			return resp, nil
		}
		go func() {
			time.Sleep(10 * time.Second)
			u.set(voice)
			l.Wake()
		}()
		l.during(t, 5*time.Minute)
		if !l.ready(long, voice) || asked < 10*time.Second || asked > 10500*time.Millisecond || len(l.faults.log) != 0 {
			t.Errorf("asked after %s for %q, faults %q", asked, l.host.log, l.faults.log)
		}
	})
}

// drop gives a byte a second.
type drop struct{ ctx context.Context }

func (d *drop) Read(b []byte) (int, error) {
	select {
	case <-time.After(time.Second): // fake time
		b[0] = 1
		return 1, nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

func (d *drop) Close() error { return nil }
