// Package status tells what the device runs on. It builds the one radio.Status from
// what the other rooms say of themselves and shows it three ways: over a unix socket
// to `loaxa-agent status`, on a page for the local network, and to link, which signs it
// as up/reported. With the PIN that page also starts standing alerts and stops what
// sounds. It also keeps the list of open faults, which the
// other rooms raise and clear, and writes each opening and closing to the journal.
package status

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// Clock is what the status says of time.
type Clock interface {
	Now() time.Time
	Mono() time.Duration
	State() clock.Reading
}

// Documents are the active ones.
type Documents interface {
	Policy() radio.Policy
	Settings() radio.Settings
	Revisions() radio.RevisionStatus
}

// Journal tells what was played.
type Journal interface {
	Recent(ctx context.Context, n int) ([]radio.Confirmation, error)
	Status() radio.JournalStatus
}

// Cache tells how full the disk is.
type Cache interface {
	Status() (radio.DiskStatus, error)
}

// Desk fills in what is coming, what sounds and how it leaves: Next, Sounding, Output.
type Desk interface {
	Fill(*radio.Status)
}

// Rooms are asked at every Build.
type Rooms struct {
	Clock     Clock
	Documents Documents
	Journal   Journal
	Cache     Cache
	Desk      Desk
	Faults    *Faults
	Link      func() radio.LinkStatus
	// Audio tells about every audio of the programme.
	Audio func() []radio.AudioStatus
}

// Builder makes the status of one device.
type Builder struct {
	device radio.DeviceID
	boot   radio.BootID
	rooms  Rooms
	start  time.Duration // on Mono
	log    *slog.Logger
}

// New only stores.
func New(device radio.DeviceID, boot radio.BootID, rooms Rooms, log *slog.Logger) *Builder {
	return &Builder{device: device, boot: boot, rooms: rooms, start: rooms.Clock.Mono(), log: log}
}

const (
	shownLast  = 20
	shownAudio = 200
	// What goes up is bounded by the wire (64 KB); the journal brings every
	// confirmation anyway.
	sentLast  = 5
	sentAudio = 110
	sentText  = 200
	sentAlert = 16
)

// Reported is the status cut to what up/reported may carry.
func (b *Builder) Reported(ctx context.Context) radio.Status {
	s := b.Build(ctx)
	s.Last = s.Last[:min(len(s.Last), sentLast)]
	s.Audio = s.Audio[:min(len(s.Audio), sentAudio)]
	s.Alerts = s.Alerts[:min(len(s.Alerts), sentAlert)]
	s.Link.Error, s.Output.Error = clip(s.Link.Error), clip(s.Output.Error)
	for i := range s.Audio {
		// The centre knows when things air.
		s.Audio[i].Error, s.Audio[i].Due = clip(s.Audio[i].Error), 0
	}
	for i := range s.Faults {
		s.Faults[i].Text = clip(s.Faults[i].Text)
	}
	return s
}

// clip cuts a text at a rune.
func clip(s string) string {
	if len(s) <= sentText {
		return s
	}
	return strings.ToValidUTF8(s[:sentText], "") + "…"
}

// Build asks everybody. What cannot be told is left out; the rest still is.
func (b *Builder) Build(ctx context.Context) radio.Status {
	r := b.rooms
	policy := r.Documents.Policy()
	today := timesOf(policy.Zone).zone.Date(r.Clock.Now())
	s := radio.Status{
		Device: b.device, Name: r.Documents.Settings().Name, Zone: policy.Zone, At: radio.At(r.Clock.Now()), Version: radio.Version,
		Boot: b.boot, UpMS: (r.Clock.Mono() - b.start).Milliseconds(),
		Link:    r.Link(),
		Clock:   r.Clock.State().Status(),
		Journal: r.Journal.Status(), Revisions: r.Documents.Revisions(), Policy: policy.On(today).Label,
		Faults: r.Faults.Open(),
	}
	s.Rules = policy.Status(today)
	r.Desk.Fill(&s)
	disk, err := r.Cache.Status()
	if err != nil {
		b.log.Warn("cache does not say how full the disk is", "error", err)
	}
	s.Disk = disk
	if s.Last, err = r.Journal.Recent(ctx, shownLast); err != nil {
		b.log.Warn("journal does not say what was played", "error", err)
	}
	s.Audio = r.Audio()
	// The missing first: they are what a person has to see.
	slices.SortStableFunc(s.Audio, func(a, b radio.AudioStatus) int {
		switch {
		case a.Ready == b.Ready:
			return 0
		case b.Ready:
			return -1
		}
		return 1
	})
	s.Audio = s.Audio[:min(len(s.Audio), shownAudio)]
	s.Audio, s.Next, s.Last = list(s.Audio), list(s.Next), list(s.Last)
	return s
}

// list is never null in JSON: a program need not tell an empty list from a missing one.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
