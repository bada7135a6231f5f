package inbox

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// fakeCommands notes what it is handed.
type fakeCommands struct {
	taken  []radio.CommandID
	turned []string
	err    error
}

func (f *fakeCommands) Take(_ context.Context, c radio.Command) error {
	if f.err == nil {
		f.taken = append(f.taken, c.ID)
	}
	return f.err
}

func (f *fakeCommands) TurnAway(_ context.Context, _ radio.CommandID, why radio.Reason) {
	f.turned = append(f.turned, string(why))
}

func command(n int) radio.Command {
	return radio.Command{ID: id[radio.CommandID](byte(50 + n)), Device: id[radio.DeviceID](deviceN), Do: radio.CommandStop,
		IssuedAt: radio.At(start), ExpiresAt: radio.At(start.Add(time.Minute))}
}

// Only what an online key signed for this device is carried out; the rest is noted.
func TestTakeCommand(t *testing.T) {
	other := id[radio.DeviceID](77)
	cases := map[string]struct {
		data   func(l *lab) []byte
		topic  string // "" the device's own
		err    error  // of Take at the room
		want   error
		taken  bool
		turned []string
		quiet  bool // no security record
	}{
		"a command": {data: func(l *lab) []byte { return l.seal(wire.Command, command(1)) }, taken: true, quiet: true},
		"a volume too loud": {data: func(l *lab) []byte {
			c := command(1)
			c.Do, c.GainDB = radio.CommandVolume, 6
			return l.seal(wire.Command, c)
		}, want: radio.ErrInvalid, turned: []string{"range"}},
		"a life too long": {data: func(l *lab) []byte {
			c := command(1)
			c.ExpiresAt = radio.At(start.Add(time.Hour))
			return l.seal(wire.Command, c)
		}, want: radio.ErrInvalid, turned: []string{"range"}},
		"an unknown kind": {data: func(l *lab) []byte {
			c := command(1)
			c.Do = "format_disk"
			return l.seal(wire.Command, c)
		}, want: radio.ErrInvalid, turned: []string{"range"}},
		"forged":     {data: func(l *lab) []byte { return l.sealBy(must(trust.Generate()), wire.Command, command(1)) }, want: radio.ErrForbidden},
		"unsigned":   {data: func(*lab) []byte { return []byte(`{"do":"stop"}`) }, want: radio.ErrInvalid},
		"cut":        {data: func(l *lab) []byte { return l.seal(wire.Command, command(1))[:40] }, want: radio.ErrInvalid},
		"other kind": {data: func(l *lab) []byte { return l.seal(wire.Ack, command(1)) }, want: radio.ErrForbidden},
		"other device's, replayed here": {data: func(l *lab) []byte {
			c := command(1)
			c.Device = other
			return must(wire.Seal(wire.Command, string(other), c, l.online))
		}, want: radio.ErrForbidden},
		"other device's inside ours": {data: func(l *lab) []byte {
			c := command(1)
			c.Device = other
			return l.seal(wire.Command, c)
		}, want: radio.ErrForbidden},
		"on another's topic": {data: func(l *lab) []byte { return l.seal(wire.Command, command(1)) },
			topic: wire.DownTopic(other, wire.Command), want: radio.ErrForbidden},
		"issued behind its signer's end": {data: func(l *lab) []byte {
			c := command(1)
			c.IssuedAt, c.ExpiresAt = radio.At(start.AddDate(2, 0, 0)), radio.At(start.AddDate(2, 0, 0).Add(time.Minute))
			return l.seal(wire.Command, c)
		}, want: radio.ErrForbidden},
		"too old for the room": {data: func(l *lab) []byte { return l.seal(wire.Command, command(1)) }, err: radio.ErrInvalid, want: radio.ErrInvalid},
		"a full disk":          {data: func(l *lab) []byte { return l.seal(wire.Command, command(1)) }, err: errDisk, want: errDisk, quiet: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			f := &fakeCommands{err: c.err}
			l.opts.Commands = f
			topic := c.topic
			if topic == "" {
				topic = wire.DownTopic(id[radio.DeviceID](deviceN), wire.Command)
			}
			before := len(l.journal.records)
			err := l.Take(t.Context(), topic, bytes.Clone(c.data(l)))
			if c.want == nil && err != nil || c.want != nil && err == nil || c.want == errDisk && final(err) || c.want != errDisk && c.want != nil && !final(err) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if (len(f.taken) == 1) != c.taken || !slices.Equal(f.turned, c.turned) {
				t.Errorf("taken %q, turned away %q", f.taken, f.turned)
			}
			if noted := len(l.journal.records) > before; noted == c.quiet {
				t.Errorf("noted as refused: %v", noted)
			}
		})
	}
}

var errDisk = errors.New("no space left on device")
