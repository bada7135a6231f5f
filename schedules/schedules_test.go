package schedules_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"loaxa/internal/central/programme"
	"loaxa/internal/central/schedule"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
	"loaxa/schedules"
)

func haTinh(t *testing.T) fs.FS {
	t.Helper()
	dir, err := schedules.HaTinh()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func demo(t *testing.T, at time.Time) fs.FS {
	t.Helper()
	dir, err := schedules.Demo(at)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

type users map[string]radio.Role

func (u users) PersonByName(_ context.Context, name string) (radio.Person, error) {
	return radio.Person{ID: radio.NewID[radio.UserID](), Login: name, Grants: []radio.Grant{{Role: u[name], Area: radio.Everywhere}}}, nil
}

// signs stands for an approver who signs for everything.
type signs struct{}

func (signs) Signs() bool { return true }

func (signs) Stands(b radio.Bulletin) error {
	if b.Signed == nil {
		return fmt.Errorf("%w: no signature", radio.ErrForbidden)
	}
	return nil
}

func (signs) Sign(_ context.Context, by radio.Person, b radio.Bulletin) (*radio.ApprovalRow, error) {
	return &radio.ApprovalRow{KID: "k", Person: by.ID, Area: b.Area}, nil
}

// intake stands for the library: what matters here is that every file arrives.
type intake struct{}

func (intake) Prepare(_ context.Context, r io.Reader) (schedule.Prepared, error) {
	text, err := io.ReadAll(r)
	h := sha256.Sum256(text)
	hash := radio.SHA256(hex.EncodeToString(h[:]))
	return schedule.Prepared{
		Renditions: []radio.Rendition{{SHA256: hash, Kbps: 64, Bytes: 9000, Frames: 50, Samples: 50 * radio.FrameSamples}},
		Seconds:    1.3, SourceSHA256: hash, Warnings: []string{},
	}, err
}

// samples has a file for every sample the examples may name.
func samples() fs.FS {
	m := fstest.MapFS{}
	for _, name := range []string{"tune", "ident", "closing", "nq57-1", "nq57-2", "nq57-3"} {
		m[name+".mp3"] = &fstest.MapFile{Data: []byte(name)}
	}
	return m
}

func open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func importer(s *store.Store) *schedule.Importer {
	who := users{"lan": radio.RoleEditor, "hoa": radio.RoleApprover}
	return schedule.New(s, who, intake{}, samples(), signs{})
}

func TestExamplesImportOnceAndStay(t *testing.T) {
	at := time.Date(2026, 11, 22, 14, 5, 0, 0, time.UTC)
	for name, dir := range map[string]fs.FS{"ha-tinh": haTinh(t), "demo": demo(t, at)} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			im := importer(s)
			for round := range 2 {
				d, err := im.Apply(t.Context(), schedule.FSSource("schedules/"+name, dir), "lan", "hoa", at)
				if err != nil {
					t.Fatal(err)
				}
				if d.Changed() != (round == 0) {
					t.Errorf("round %d: %s", round, d.Summary())
				}
			}
			places, err := s.Places(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			rules, err := s.Policies(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			all, err := s.CurrentSchedules(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(places) < 3 || len(all) == 0 {
				t.Fatalf("%d devices, %d schedules", len(places), len(all))
			}
			for _, p := range places {
				got, err := programme.Resolver{}.Policy(rules, p, time.Now())
				if err != nil || got.Label == radio.DefaultPolicy("").Label {
					t.Errorf("no policy for %s: %q %v", p.Device.Code, got.Label, err)
				}
			}
		})
	}
}

// An example whose own policy refuses its own schedule would teach nothing.
func TestExamplesSoundInPermittedHours(t *testing.T) {
	s := open(t)
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	if _, err := importer(s).Apply(t.Context(), schedule.FSSource("ha-tinh", haTinh(t)), "lan", "hoa", at); err != nil {
		t.Fatal(err)
	}
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	places, err := s.Places(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	zone, err := timetable.LoadZone(schedules.Zone)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		policy, err := programme.Resolver{}.Policy(plan.Policies, p, at)
		if err != nil {
			t.Fatal(err)
		}
		// Four weeks of sound, with a minute for each bulletin.
		airings := airings(t, plan, p, at, at.AddDate(0, 0, 28))
		if len(airings) == 0 {
			t.Errorf("%s never sounds", p.Device.Code)
		}
		hours, err := timetable.NewHours(policy)
		if err != nil {
			t.Fatal(err)
		}
		var tally radio.Tally
		for _, a := range airings {
			if v := hours.CapVeto(&tally, a.Start(), a.Samples); v != radio.NoVeto {
				t.Errorf("%s: %q at %s is refused by the cap of %s", p.Device.Code, a.Title, zone.In(a.Start()), v)
			}
			hours.Count(&tally, radio.Sounded{Start: radio.At(a.Start()), End: radio.At(a.End()), Samples: a.Samples})
			if a.Excluded != "" || !policy.Allows(zone.In(a.Start()), zone.In(a.End())) {
				t.Errorf("%s: %q at %s: excluded %q, or outside %q", p.Device.Code, a.Title, zone.In(a.Start()), a.Excluded, policy.Label)
			}
		}
	}
}

// airings lays the plan out for one place.
func airings(t *testing.T, plan radio.Plan, place radio.Place, from, to time.Time) []radio.Airing {
	t.Helper()
	const frames = 60 * radio.SampleRate / radio.FrameSamples
	p := &radio.Programme{Device: place.Device.ID, Revision: 1, IssuedAt: radio.At(from), NotAfter: radio.At(to), Zone: schedules.Zone}
	for _, b := range plan.Bulletins {
		p.Audio = append(p.Audio, radio.ProgrammeAudio{
			Bulletin: b.ID, Version: b.Version, Title: b.Title, ValidUntil: b.ValidUntil,
			Renditions: []radio.Rendition{{SHA256: b.SourceSHA256, Kbps: 64, Bytes: 480_000, Frames: frames, Samples: frames * radio.FrameSamples}},
		})
	}
	for _, sc := range plan.Schedules {
		if !slices.ContainsFunc(sc.Targets, place.Within) {
			continue
		}
		for _, sl := range sc.Slots {
			slot := radio.ProgrammeSlot{
				Schedule: sc.ID, Slot: sl.ID, Priority: sc.Priority, Cron: sl.Cron, From: sc.From, Until: sc.Until,
				Except: sc.Except, GraceSeconds: sc.GraceSeconds,
			}
			for _, e := range sl.Items {
				slot.Items = append(slot.Items, radio.Item{Entry: e.ID, Kind: e.Kind, Bulletin: e.Bulletin, Version: 1, Repeat: e.Repeat, GapMS: e.GapMS})
			}
			p.Slots = append(p.Slots, slot)
		}
	}
	table, err := timetable.New(p)
	if err != nil {
		t.Fatal(err)
	}
	out, err := table.Airings(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDemoFallsDueAtTheMinute(t *testing.T) {
	// 18:59 UTC is 01:59 of the next day in Hà Tĩnh.
	at := time.Date(2026, 11, 22, 18, 59, 0, 0, time.UTC)
	text, err := fs.ReadFile(demo(t, at), "demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`from: 2026-11-23`, `until: 2026-11-23`, `cron: "59 1 * * *"`} {
		if strings.Count(string(text), want) != 1 {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if _, err := schedules.Demo(at.Add(time.Second)); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("a slot within a minute: %v", err)
	}
}
