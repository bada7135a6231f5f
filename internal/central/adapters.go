package central

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"

	"loaxa/internal/central/broker"
	"loaxa/internal/central/fault"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/ingest"
	"loaxa/internal/central/library"
	"loaxa/internal/central/reconcile"
	"loaxa/internal/central/schedule"
	"loaxa/internal/central/store"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// The rooms know each other only through small interfaces; what does not fit by
// itself is fitted here.

// publisher is what broker.Embedded and broker.External have in common.
type publisher interface {
	Publish(ctx context.Context, topic string, payload []byte, retained bool) error
}

// outlet lets dispatch be made before the broker, whose ingest answers through
// dispatch.
type outlet struct{ to atomic.Pointer[publisher] }

func (o *outlet) set(p publisher) { o.to.Store(&p) }

func (o *outlet) Publish(ctx context.Context, topic string, payload []byte, retained bool) error {
	p := o.to.Load()
	if p == nil {
		return fmt.Errorf("%w: the broker is not up yet", radio.ErrUnavailable)
	}
	return (*p).Publish(ctx, topic, payload, retained)
}

// away says that a device has no connection to the embedded broker, and so says hello
// when it has one. Of an external broker nobody knows.
func (o *outlet) away(device radio.DeviceID) bool {
	p := o.to.Load()
	if p == nil {
		return false
	}
	b, embedded := (*p).(*broker.Embedded)
	return embedded && !b.Connected(string(device))
}

// ingestTx is a transaction of the log in which reconcile meets the new records.
type ingestTx struct {
	*store.LogTx
	reconciler *reconcile.Reconciler
	alerts     *bool // whether any of it is of an alert
}

func (t ingestTx) PutReceipts(ctx context.Context, receipts []radio.Receipt) error {
	*t.alerts = *t.alerts || len(receipts) > 0
	return t.LogTx.PutReceipts(ctx, receipts)
}

func (t ingestTx) Apply(ctx context.Context, heard []radio.Heard) error {
	*t.alerts = *t.alerts || slices.ContainsFunc(heard, func(h radio.Heard) bool { return h.Record.Result != nil && h.Record.Result.Origin == radio.FromAlert })
	return t.reconciler.Apply(ctx, t.LogTx, heard)
}

func ingestLog(s *store.Store, r *reconcile.Reconciler, news *told) ingest.Log {
	return func(ctx context.Context, f func(ingest.Tx) error) error {
		alerts := false
		err := s.Log(ctx, func(tx *store.LogTx) error { return f(ingestTx{tx, r, &alerts}) })
		if err == nil {
			news.news.Store(true)
			if alerts {
				news.alerts.Store(true)
			}
		}
		return err
	}
}

func reconcileLog(s *store.Store) reconcile.Log {
	return func(ctx context.Context, f func(reconcile.Tx) error) error {
		return s.Log(ctx, func(tx *store.LogTx) error { return f(tx) })
	}
}

// access answers the embedded broker from identity's memory, with wire's rules.
type access struct {
	devices *identity.Devices
	log     *slog.Logger
}

func (a access) Allowed(device string) bool {
	_, err := a.devices.Key(context.Background(), radio.DeviceID(device))
	if err != nil && !errors.Is(err, radio.ErrNotFound) {
		a.log.Warn("device cannot be looked up", "device", device, "error", err)
	}
	return err == nil
}

func (a access) MayPublish(device, topic string) bool {
	return wire.MayPublish(radio.DeviceID(device), topic)
}

func (a access) MaySubscribe(device, filter string) bool {
	areas, err := a.devices.Areas(context.Background(), radio.DeviceID(device))
	return err == nil && wire.MaySubscribe(radio.DeviceID(device), areas, filter)
}

// admitTLS refuses, in the handshake, a certificate that was replaced.
func admitTLS(cfg *tls.Config, devices *identity.Devices) *tls.Config {
	cfg = cfg.Clone()
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		if len(cs.PeerCertificates) == 0 {
			return fmt.Errorf("%w: no client certificate", radio.ErrForbidden)
		}
		_, err := devices.Admit(context.Background(), cs.PeerCertificates[0])
		return err
	}
	return cfg
}

// audioFiles gives library's files as the interface media and web ask for.
type audioFiles struct{ *library.Files }

func (a audioFiles) Open(h radio.SHA256) (io.ReadSeekCloser, int64, error) {
	f, size, err := a.Files.Open(h)
	if err != nil {
		return nil, 0, err
	}
	return f, size, nil
}

// importIntake prepares and keeps audio that stands in imported files.
type importIntake struct {
	intake *library.Intake
	files  *library.Files
}

func (i importIntake) Prepare(ctx context.Context, source io.Reader) (p schedule.Prepared, err error) {
	got, err := i.intake.Prepare(ctx, source)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, got.Close()) }()
	if err := i.files.Put(ctx, got); err != nil {
		return p, err
	}
	return schedule.Prepared{
		Renditions: got.Renditions, Seconds: got.Seconds, LUFS: got.LUFS, TruePeak: got.TruePeakDBTP,
		SourceSHA256: got.SourceSHA256, Warnings: got.Warnings, Peaks: got.Peaks,
	}, nil
}

// importUsers finds accounts that work by their login.
type importUsers struct{ store *store.Store }

func (u importUsers) PersonByName(ctx context.Context, name string) (radio.Person, error) {
	a, err := u.store.PersonByLogin(ctx, name)
	if errors.Is(err, radio.ErrNotFound) {
		return radio.Person{}, fmt.Errorf("%w: there is no account %s", radio.ErrNotFound, name)
	}
	if err != nil {
		return radio.Person{}, err
	}
	if a.DisabledAt != 0 {
		return radio.Person{}, fmt.Errorf("%w: account %s is disabled", radio.ErrForbidden, name)
	}
	return radio.Person{ID: a.ID, Login: a.Login, Name: a.Name, Grants: a.Grants}, nil
}

// shelf gives library its rows and what devices say of themselves.
type shelf struct {
	*laid
	*fault.Fleet
}
