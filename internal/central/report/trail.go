package report

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// Acts reads who did what (store).
type Acts interface {
	Bulletin(ctx context.Context, id radio.BulletinID, version int) (radio.Bulletin, error)
	ScheduleVersions(ctx context.Context, id radio.ScheduleID) ([]radio.Schedule, error)
	Issued(ctx context.Context, d radio.DeviceID, document string, revision int64) (radio.Issued, error)
	Alert(ctx context.Context, id radio.AlertID) (radio.AlertRecord, error)
	// DeviceOrders lists commands to a device that were issued between two instants.
	DeviceOrders(ctx context.Context, d radio.DeviceID, from, to radio.Millis) ([]radio.DeviceCommand, error)
	// Sounded lists the rows of a device that began between two instants.
	Sounded(ctx context.Context, d radio.DeviceID, from, to radio.Millis) ([]radio.AsRun, error)
	People(ctx context.Context) ([]radio.Account, error)
	Place(ctx context.Context, d radio.DeviceID) (radio.Place, error)
	// Decisions lists what was said in some areas about a schedule, the newest first.
	Decisions(ctx context.Context, areas []radio.AreaID, about radio.ScheduleID, limit int) ([]radio.Decision, error)
}

// Trail tells who scheduled, approved and stopped what sounded.
type Trail struct{ acts Acts }

// NewTrail only stores.
func NewTrail(acts Acts) *Trail { return &Trail{acts} }

// walk gathers the steps of one airing.
type walk struct {
	acts  Acts
	row   radio.AsRun
	names map[radio.UserID]string
	steps []radio.AirStep
}

// Steps lists who answers for an airing, from the bulletin to what cut it. Documents and
// bulletins that are kept no more are left out.
func (t *Trail) Steps(ctx context.Context, row radio.AsRun) ([]radio.AirStep, error) {
	people, err := t.acts.People(ctx)
	if err != nil {
		return nil, err
	}
	w := &walk{acts: t.acts, row: row, names: map[radio.UserID]string{}}
	for _, p := range people {
		w.names[p.ID] = p.Name
	}
	for _, part := range []func(context.Context) error{w.origin, w.bulletin, w.schedule, w.decision, w.cut} {
		if err := part(ctx); err != nil && !errors.Is(err, radio.ErrNotFound) {
			return nil, fmt.Errorf("who answers for airing %s: %w", row.Airing, err)
		}
	}
	return w.steps, nil
}

func (w *walk) add(s radio.AirStep) {
	if s.Name == "" {
		s.Name = w.names[s.By]
	}
	w.steps = append(w.steps, s)
}

// origin is who wanted sound that stands in no schedule.
func (w *walk) origin(ctx context.Context) error {
	switch w.row.Origin {
	case radio.FromAlert, radio.FromLocal:
		if w.row.Key.Schedule == "" {
			w.add(radio.AirStep{Act: radio.ActLocalStart, At: w.row.StartedAt}) // a test tone at the device
			return nil
		}
		a, err := w.acts.Alert(ctx, radio.AlertID(w.row.Key.Schedule))
		if err != nil {
			return err
		}
		w.alert(a)
		if w.row.Origin == radio.FromLocal {
			w.add(radio.AirStep{Act: radio.ActLocalStart, At: w.row.StartedAt, ID: string(a.ID), Title: a.Wish.Headline})
		}
	case radio.FromCommand:
		orders, err := w.acts.DeviceOrders(ctx, w.row.Key.Device, w.row.Start.Add(-radio.MaxCommandLife), w.row.Start.Add(time.Minute))
		if err != nil {
			return err
		}
		for _, o := range orders {
			if string(o.Result.ID) == string(w.row.Key.Schedule) {
				w.order(o)
			}
		}
	}
	return nil
}

func (w *walk) alert(a radio.AlertRecord) {
	w.add(radio.AirStep{Act: radio.ActAlertComposed, At: a.ComposedAt, By: a.ComposedBy, Name: a.ComposedName, ID: string(a.ID), Title: a.Wish.Headline, Version: int64(a.Version)})
	for _, s := range a.Paper.Signatures {
		w.add(radio.AirStep{Act: radio.ActAlertSigned, At: s.At, By: s.Person, Name: s.Name, ID: string(a.ID), Title: a.Wish.Headline, Key: s.KID})
	}
}

func (w *walk) order(o radio.DeviceCommand) {
	w.add(radio.AirStep{Act: radio.ActCommanded, At: o.Batch.IssuedAt, By: o.Batch.By, Name: o.Batch.ByName, ID: string(o.Batch.ID), Do: o.Batch.Do, Came: o.Result.State})
}

// bulletin is who made and approved the version, and who took it back.
func (w *walk) bulletin(ctx context.Context) error {
	if w.row.Bulletin == "" {
		return nil
	}
	b, err := w.acts.Bulletin(ctx, w.row.Bulletin, w.row.Version)
	if err != nil {
		return err
	}
	step := radio.AirStep{ID: string(b.ID), Code: b.Code, Title: b.Title, Version: int64(b.Version)}
	made, approved := step, step
	made.Act, made.At, made.By = radio.ActBulletinMade, b.CreatedAt, b.CreatedBy
	w.add(made)
	if b.State == radio.Approved {
		approved.Act, approved.At, approved.By = radio.ActBulletinApproved, b.DecidedAt, b.DecidedBy
		if approved.Key, err = w.approvalKey(ctx); err != nil && !errors.Is(err, radio.ErrNotFound) {
			return err
		}
		w.add(approved)
	}
	if b.State == radio.Withdrawn && w.row.Reason == radio.ReasonWithdrawn {
		approved.Act, approved.At, approved.By = radio.ActBulletinWithdrawn, b.DecidedAt, b.DecidedBy
		w.add(approved)
	}
	return nil
}

// approvalKey is the key that signed the audio's approval in the programme.
func (w *walk) approvalKey(ctx context.Context) (string, error) {
	i, err := w.issued(ctx)
	if err != nil {
		return "", err
	}
	var p radio.Programme
	if err := json.Unmarshal(i.Payload, &p); err != nil {
		return "", fmt.Errorf("read programme %d: %w", i.Revision, err)
	}
	for _, a := range p.Audio {
		if a.Bulletin != w.row.Bulletin || a.Version != w.row.Version {
			continue
		}
		signed, ok := p.Approval(a)
		if !ok {
			continue
		}
		return keyOf(signed.Protected), nil
	}
	return "", nil
}

// keyOf reads the kid of a protected header.
func keyOf(protected string) string {
	var h struct {
		Kid string `json:"kid"`
	}
	b, err := base64.RawURLEncoding.DecodeString(protected)
	if err != nil || json.Unmarshal(b, &h) != nil {
		return ""
	}
	return h.Kid
}

// issued is the programme that held the airing last.
func (w *walk) issued(ctx context.Context) (radio.Issued, error) {
	return w.acts.Issued(ctx, w.row.Key.Device, "programme", max(w.row.Revision, w.row.Held))
}

// schedule is who wrote and who published the version that stood when the programme was
// issued, and who withdrew it before the airing.
func (w *walk) schedule(ctx context.Context) error {
	if w.row.Origin != radio.FromSchedule {
		return nil
	}
	versions, err := w.acts.ScheduleVersions(ctx, w.row.Key.Schedule)
	if err != nil {
		return err
	}
	slices.SortFunc(versions, func(a, b radio.Schedule) int { return a.Version - b.Version })
	at := w.row.Start
	i, err := w.issued(ctx)
	switch {
	case err == nil:
		at = i.IssuedAt
	case !errors.Is(err, radio.ErrNotFound):
		return err
	}
	var stood, gone *radio.Schedule
	for n := range versions {
		v := &versions[n]
		switch {
		case v.WithdrawnAt != 0:
			if v.WithdrawnAt <= w.row.End() {
				gone = v
			}
		case v.ApprovedAt <= at:
			stood, gone = v, nil
		}
	}
	if stood != nil {
		step := radio.AirStep{Act: radio.ActScheduleWritten, By: stood.Author, ID: string(stood.ID), Code: stood.Code, Title: stood.Title, Version: int64(stood.Version)}
		w.add(step)
		step.Act, step.At, step.By = radio.ActSchedulePublished, stood.ApprovedAt, stood.Approver
		w.add(step)
	}
	if i.Revision != 0 {
		w.add(radio.AirStep{Act: radio.ActProgrammeIssued, At: i.IssuedAt, Version: i.Revision, Key: envelopeKey(i.Envelope)})
	}
	if gone != nil && slices.Contains([]radio.Outcome{radio.Cancelled, radio.Refused, radio.Partial}, w.row.Outcome) {
		w.add(radio.AirStep{Act: radio.ActScheduleWithdrawn, At: gone.WithdrawnAt, By: gone.Approver, ID: string(gone.ID), Code: gone.Code, Title: gone.Title, Version: int64(gone.Version)})
	}
	return nil
}

// envelopeKey reads the first kid of a signed message that the centre itself has signed.
func envelopeKey(envelope []byte) string {
	var e struct {
		Signatures []struct {
			Protected string `json:"protected"`
		} `json:"signatures"`
	}
	if json.Unmarshal(envelope, &e) != nil || len(e.Signatures) == 0 {
		return ""
	}
	return keyOf(e.Signatures[0].Protected)
}

const (
	// cutSlack is by how much the clocks of device and centre, and a message on its way, may
	// put what cut a sound apart from the cut.
	cutSlack = 2 * time.Minute
	// longestSound bounds how long what cut another sound may have lasted before.
	longestSound = 3 * time.Hour
)

// cut is who stopped it, or what outranked it and who wanted that.
func (w *walk) cut(ctx context.Context) error {
	switch w.row.Reason {
	case radio.ReasonStopped:
		from := w.row.Start
		if w.row.StartedAt != 0 {
			from = w.row.StartedAt
		}
		orders, err := w.acts.DeviceOrders(ctx, w.row.Key.Device, from.Add(-cutSlack-radio.MaxCommandLife), w.row.End().Add(cutSlack))
		if err != nil {
			return err
		}
		for _, o := range orders {
			stops := o.Batch.Do == radio.CommandStop || o.Batch.Do == radio.CommandSkip || o.Batch.Do == radio.CommandPause
			if stops && w.obeyed(o) && (o.Batch.Airing == "" || o.Batch.Airing == w.row.Airing) {
				w.order(o)
			}
		}
	case radio.ReasonPriority:
		return w.outranked(ctx)
	case radio.ReasonCancelled:
		a, err := w.acts.Alert(ctx, radio.AlertID(w.row.Key.Schedule))
		if err != nil {
			return err
		}
		for _, s := range a.Tomb.Signatures {
			w.add(radio.AirStep{Act: radio.ActAlertCancelled, At: s.At, By: s.Person, Name: s.Name, ID: string(a.ID), Title: a.Wish.Headline, Key: s.KID})
		}
	case radio.ReasonLocalStop:
		w.add(radio.AirStep{Act: radio.ActLocalStop, At: w.row.StartedAt.Add(radio.SamplesDuration(w.row.Consumed))})
	}
	return nil
}

// obeyed says that the device carried an order out while the airing could sound.
func (w *walk) obeyed(o radio.DeviceCommand) bool {
	from := w.row.Start
	if w.row.StartedAt != 0 {
		from = w.row.StartedAt
	}
	at := o.Result.At
	return (o.Result.State == radio.ReceiptDone || o.Result.State == radio.ReceiptRunning) && at >= from.Add(-cutSlack) && at <= w.row.End().Add(cutSlack)
}

// outranked finds the alerts, or the schedules with priority, that sounded into it.
func (w *walk) outranked(ctx context.Context) error {
	sounded, err := w.acts.Sounded(ctx, w.row.Key.Device, w.row.Start.Add(-longestSound), w.row.End().Add(cutSlack))
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, x := range sounded {
		over := x.StartedAt != 0 && x.Airing != w.row.Airing && x.StartedAt < w.row.End().Add(cutSlack) &&
			x.StartedAt.Add(radio.SamplesDuration(x.Consumed)) > w.row.Start && x.Priority.Rank() > w.row.Priority.Rank()
		if key := string(x.Key.Schedule); !over || seen[key] {
			continue
		}
		seen[string(x.Key.Schedule)] = true
		other := &walk{acts: w.acts, row: x, names: w.names}
		for _, part := range []func(context.Context) error{other.origin, other.schedule} {
			if err := part(ctx); err != nil && !errors.Is(err, radio.ErrNotFound) {
				return err
			}
		}
		for _, s := range other.steps {
			if s.Act != radio.ActProgrammeIssued && !strings.HasPrefix(string(s.Act), "bulletin") {
				w.steps = append(w.steps, s)
			}
		}
	}
	return nil
}
