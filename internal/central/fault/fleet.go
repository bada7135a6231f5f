package fault

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// Register reads what the centre keeps of all devices (store).
type Register interface {
	// AuditHead moves with every change of what is laid down, and with enrolments.
	AuditHead(ctx context.Context) (int64, error)
	Places(ctx context.Context) ([]radio.Place, error)
	CertificateEnds(ctx context.Context) (map[radio.DeviceID]radio.Millis, error)
	Pulses(ctx context.Context) ([]radio.DeviceState, error)
	ReportsSince(ctx context.Context, since radio.Millis) ([]radio.DeviceState, error)
	IssuedSince(ctx context.Context, since radio.Millis) ([]radio.Issued, error)
}

const (
	// reportsWithin: a device that lives reports every quarter of an hour; this long
	// after its last signed word a presence that says otherwise is not believed.
	reportsWithin = 40 * time.Minute
	// fresh is how long a view of all devices serves everybody who asks.
	fresh = time.Second
	// slack: rows are stamped when they are received and seen when they are committed.
	slack = 2 * time.Minute
)

// Fleet holds the newest view of every device. A report is read and parsed once, when
// it is new, however many pages ask. Safe for concurrent use.
type Fleet struct {
	register Register
	now      func() time.Time
	log      *slog.Logger

	mu      sync.Mutex
	read    radio.Millis // when the view was made
	audit   int64
	places  []radio.Place
	ends    map[radio.DeviceID]radio.Millis
	reports map[radio.DeviceID]report
	issued  map[radio.DeviceID]map[string]radio.DocumentRevision
	// reported and issuedTo are the newest instants seen.
	reported, issuedTo radio.Millis
	views              []radio.DeviceView
}

type report struct {
	at     radio.Millis
	status *radio.Status
}

// NewFleet only stores.
func NewFleet(register Register, now func() time.Time, log *slog.Logger) *Fleet {
	return &Fleet{register: register, now: now, log: log, audit: -1,
		reports: map[radio.DeviceID]report{}, issued: map[radio.DeviceID]map[string]radio.DocumentRevision{}}
}

// Views gives every device, by commune, hamlet and code. The slice and all behind it is shared:
// it must not be changed.
func (f *Fleet) Views(ctx context.Context) ([]radio.DeviceView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := radio.At(f.now())
	if f.views != nil && now >= f.read && now.Sub(f.read) < fresh {
		return f.views, nil
	}
	if err := f.refresh(ctx, now); err != nil {
		return nil, fmt.Errorf("view of all devices: %w", err)
	}
	return f.views, nil
}

func (f *Fleet) refresh(ctx context.Context, now radio.Millis) error {
	if err := f.readPlaces(ctx); err != nil {
		return err
	}
	if err := f.readReports(ctx); err != nil {
		return err
	}
	if err := f.readIssued(ctx); err != nil {
		return err
	}
	pulses, err := f.register.Pulses(ctx)
	if err != nil {
		return err
	}
	states := make(map[radio.DeviceID]radio.DeviceState, len(pulses))
	for _, p := range pulses {
		states[p.Device] = p
	}
	views := make([]radio.DeviceView, len(f.places))
	for i, p := range f.places {
		id := p.Device.ID
		st := states[id]
		views[i] = radio.DeviceView{Place: p, State: st, Status: f.reports[id].status, Issued: f.issued[id], Certified: f.ends[id],
			Online: p.Device.Enrolled != 0 && st.Alive && now.Sub(st.LastSeen) < reportsWithin}
	}
	f.views, f.read = views, now
	return nil
}

// readPlaces reads what people laid down when they changed something.
func (f *Fleet) readPlaces(ctx context.Context) error {
	head, err := f.register.AuditHead(ctx)
	if err != nil || head == f.audit {
		return err
	}
	places, err := f.register.Places(ctx)
	if err != nil {
		return err
	}
	ends, err := f.register.CertificateEnds(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(places, func(a, b radio.Place) int {
		return cmp.Or(cmp.Compare(a.Commune().Name, b.Commune().Name), cmp.Compare(a.Hamlet().Name, b.Hamlet().Name), cmp.Compare(a.Device.Code, b.Device.Code))
	})
	f.places, f.ends, f.audit = places, ends, head
	return nil
}

func (f *Fleet) readReports(ctx context.Context) error {
	news, err := f.register.ReportsSince(ctx, f.reported.Add(-slack))
	if err != nil {
		return err
	}
	for _, n := range news {
		if n.ReportedAt == f.reports[n.Device].at {
			continue
		}
		var s radio.Status
		if err := json.Unmarshal(n.Reported, &s); err != nil {
			f.log.Warn("a stored report cannot be read", "device", n.Device, "error", err)
			continue
		}
		s.Fill()
		f.reports[n.Device] = report{n.ReportedAt, &s}
		f.reported = max(f.reported, n.ReportedAt)
	}
	return nil
}

func (f *Fleet) readIssued(ctx context.Context) error {
	news, err := f.register.IssuedSince(ctx, f.issuedTo.Add(-slack))
	if err != nil {
		return err
	}
	// A view handed out keeps the map it has: a device's map is made anew.
	mine := map[radio.DeviceID]bool{}
	for _, i := range news {
		held := f.issued[i.Device]
		if held[i.Document].Revision >= i.Revision {
			continue
		}
		if !mine[i.Device] {
			copied := make(map[string]radio.DocumentRevision, 3)
			for k, v := range held {
				copied[k] = v
			}
			f.issued[i.Device], held, mine[i.Device] = copied, copied, true
		}
		held[i.Document] = radio.DocumentRevision{Revision: i.Revision, IssuedAt: i.IssuedAt, NotAfter: i.NotAfter}
		f.issuedTo = max(f.issuedTo, i.IssuedAt)
	}
	return nil
}
