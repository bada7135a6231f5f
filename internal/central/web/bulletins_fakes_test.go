package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"loaxa/internal/central/library"
	"loaxa/internal/radio"
)

// newUploads are the real ones, in a folder of the test.
func newUploads(t testing.TB) *library.Uploads {
	return library.NewUploads(t.TempDir(), library.DefaultUploadLimits(), func() time.Time { return now }, slog.New(slog.DiscardHandler))
}

// fakeDesk records what it is asked; steps obey the real rules of radio, and nothing is
// kept. It reads the bulletins of the plan.
type fakeDesk struct {
	mu        sync.Mutex
	plan      *fakePlan
	uploads   []radio.Bulletin
	audio     [][]byte
	decisions []string // and every other step
	listened  []radio.Span
	hearing   radio.Hearing
	reach     radio.BulletinReach
	peaks     []byte
	history   []radio.BulletinEvent
	err       error
}

func (d *fakeDesk) take(form radio.Bulletin, audio io.Reader) error {
	var b []byte
	if audio != nil {
		var err error
		if b, err = io.ReadAll(io.LimitReader(audio, 1<<20)); err == nil {
			_, err = io.Copy(io.Discard, audio) // larger ones only count
		}
		if err != nil {
			return fmt.Errorf("keep the upload: %w", err)
		}
	}
	if d.err != nil {
		return d.err
	}
	d.uploads, d.audio = append(d.uploads, form), append(d.audio, b)
	return nil
}

func (d *fakeDesk) Create(_ context.Context, form radio.Bulletin, audio io.Reader, by radio.UserID) (radio.Bulletin, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	form.ID, form.Version, form.State, form.CreatedBy, form.Renditions, form.Warnings = id[radio.BulletinID]('b', 99), 1, radio.Draft, by, []radio.Rendition{}, []string{}
	return form, d.take(form, audio)
}

func (d *fakeDesk) Save(ctx context.Context, b radio.BulletinID, version int, form radio.Bulletin, audio io.Reader, by radio.UserID) (radio.Bulletin, error) {
	was, err := d.step(ctx, b, version, radio.StepEdit, by, "")
	if err != nil {
		return was, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return was, d.take(form, audio)
}

func (d *fakeDesk) step(ctx context.Context, b radio.BulletinID, version int, step radio.BulletinStep, by radio.UserID, why string) (radio.Bulletin, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return radio.Bulletin{}, d.err
	}
	was, err := d.plan.Bulletin(ctx, b, version)
	if err != nil {
		return was, err
	}
	to, err := was.Take(step, by, radio.At(now), why)
	if err == nil {
		d.decisions = append(d.decisions, fmt.Sprintf("%s %d %s %s", step, version, by, why))
	}
	return to, err
}

func (d *fakeDesk) Delete(ctx context.Context, b radio.BulletinID, version int, by radio.UserID) error {
	_, err := d.step(ctx, b, version, radio.StepDelete, by, "")
	return err
}

func (d *fakeDesk) Submit(ctx context.Context, b radio.BulletinID, version int, _ bool, by radio.UserID) (radio.Bulletin, error) {
	return d.step(ctx, b, version, radio.StepSubmit, by, "")
}

func (d *fakeDesk) TakeBack(ctx context.Context, b radio.BulletinID, version int, by radio.UserID) (radio.Bulletin, error) {
	return d.step(ctx, b, version, radio.StepTakeBack, by, "")
}

func (d *fakeDesk) Decide(ctx context.Context, b radio.BulletinID, version int, v radio.Verdict, by radio.Person) (radio.Bulletin, error) {
	step, _ := radio.DecisionStep(v.To)
	return d.step(ctx, b, version, step, by.ID, v.Why)
}

func (d *fakeDesk) Signable(radio.Bulletin, radio.UserID) radio.Signable {
	return radio.Signable{Key: true}
}

func (d *fakeDesk) Ways(context.Context, radio.Bulletin, radio.UserID) (radio.SignWays, error) {
	return radio.SignWays{Password: true, Code: true}, nil
}

func (d *fakeDesk) Ask(context.Context, radio.BulletinID, int, radio.Person) ([]radio.PasskeyAsk, error) {
	return nil, d.err
}

func (d *fakeDesk) Revise(ctx context.Context, b radio.BulletinID, version int, by radio.UserID) (radio.Bulletin, error) {
	was, err := d.step(ctx, b, version, radio.StepRevise, by, "")
	was.Version++
	return was, err
}

func (d *fakeDesk) Listened(_ context.Context, _ radio.BulletinID, _ int, _ radio.SHA256, spans []radio.Span, _ radio.UserID) (radio.Hearing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listened = append(d.listened, spans...)
	return d.hearing, d.err
}

func (d *fakeDesk) Heard(context.Context, radio.Bulletin, radio.UserID) (radio.Hearing, error) {
	return d.hearing, nil
}

func (d *fakeDesk) Reach(context.Context, radio.Bulletin, []radio.AreaID) (radio.BulletinReach, error) {
	return radio.BulletinReach{Synced: d.reach.Synced, Waiting: append([]radio.BulletinDevice{}, d.reach.Waiting...)}, nil
}

// ListBulletins gives what the view lets see, without a filter.
func (d *fakeDesk) ListBulletins(_ context.Context, v radio.BulletinView, f radio.BulletinFilter, _ radio.BulletinCursor, limit int) ([]radio.Bulletin, error) {
	var out []radio.Bulletin
	for _, b := range d.plan.bulletins {
		finished := b.State == radio.Approved || b.State == radio.Withdrawn
		if (v.Everything || slices.Contains(v.Desks, b.Area) || finished && slices.Contains(v.Finished, b.Area)) && (f.State == "" || f.State == b.State) {
			out = append(out, b)
		}
	}
	return out[:min(limit, len(out))], d.plan.err
}

func (d *fakeDesk) CountBulletins(ctx context.Context, v radio.BulletinView) (map[radio.BulletinState]int, error) {
	all, err := d.ListBulletins(ctx, v, radio.BulletinFilter{}, radio.BulletinCursor{}, 1000)
	out := map[radio.BulletinState]int{}
	for _, b := range all {
		out[b.State]++
	}
	return out, err
}

func (d *fakeDesk) BulletinVersions(_ context.Context, b radio.BulletinID) ([]radio.Bulletin, error) {
	var out []radio.Bulletin
	for _, x := range d.plan.bulletins {
		if x.ID == b {
			out = append(out, x)
		}
	}
	return out, nil
}

func (d *fakeDesk) BulletinsOfSource(_ context.Context, source radio.SHA256) ([]radio.Bulletin, error) {
	var out []radio.Bulletin
	for _, x := range d.plan.bulletins {
		if x.SourceSHA256 == source {
			out = append(out, x)
		}
	}
	return out, nil
}

func (d *fakeDesk) BulletinHistory(context.Context, radio.BulletinID) ([]radio.BulletinEvent, error) {
	return slices.Clone(d.history), nil
}

func (d *fakeDesk) Waveform(context.Context, radio.SHA256) ([]byte, error) {
	if d.peaks == nil {
		return nil, fmt.Errorf("waveform: %w", radio.ErrNotFound)
	}
	return d.peaks, nil
}
