// Package ingest takes what devices send: it proves who said it and writes it down
// once. broker hands it every message of a device, synchronously; when Message
// returns nil the message's effect is on disk, so the broker may acknowledge it.
// Journal records go on to reconcile in the same transaction; dispatch answers hello
// and journal batches.
//
// A message is refused for good, and so acknowledged to the broker and forgotten, when
// sending it again could not change anything: a topic outside the contract, a message
// over its size, an unknown device, a signature that does not hold, a payload of
// another device. Each refusal is a line of the security log, limited in rate. Only
// what may go through later (the database, the key store) gives an error: the device
// gets no PUBACK, keeps the message and sends it again.
package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Devices knows the key a device was enrolled with; ErrNotFound for a stranger or a
// device that was taken out.
type Devices interface {
	Key(ctx context.Context, device radio.DeviceID) (trust.PublicKey, error)
}

// Answers sends what a device is told in return. An error only costs the device a
// repetition.
type Answers interface {
	// Hello is called for each hello, once its news is stored.
	Hello(ctx context.Context, device radio.DeviceID, hello wire.HelloPayload) error
	// Ack says up to where a journal is stored, and with which link in its chain; rejected
	// ones name records kept apart.
	Ack(ctx context.Context, ack wire.AckPayload) error
}

// Tx is one transaction on the log. Apply hands new records to reconcile.
type Tx interface {
	JournalHeads(ctx context.Context, refs []radio.JournalRef) (map[radio.JournalRef]radio.JournalHead, error)
	JournalLinks(ctx context.Context, ref radio.JournalRef, from, to uint64) (map[uint64][32]byte, error)
	WriteJournal(ctx context.Context, w radio.JournalWrite) error
	PutNews(ctx context.Context, news []radio.DeviceNews) error
	PutReceipts(ctx context.Context, receipts []radio.Receipt) error
	// IssuedTo tells for each whether it speaks of an alert, or of a command to its device.
	IssuedTo(ctx context.Context, receipts []radio.Receipt) ([]bool, error)
	Apply(ctx context.Context, heard []radio.Heard) error
	// Machines gives the boards that spoke under these identities; PutMachines keeps how
	// they stand now, and forgets some.
	Machines(ctx context.Context, devices []radio.DeviceID) (map[radio.DeviceID][]radio.DeviceMachine, error)
	PutMachines(ctx context.Context, now, gone []radio.DeviceMachine) error
}

// Log runs f in one transaction and commits when it returns nil.
type Log func(ctx context.Context, f func(Tx) error) error

const (
	// maxWait and maxRecords end the collecting of one commit (scale.md §1.5).
	maxWait    = 5 * time.Millisecond
	maxRecords = 2000
	// maxQueue bounds the messages that wait for a commit; beyond, devices wait.
	maxQueue = 4096
	// maxNumber bounds sequence and connection numbers: databases count with a sign.
	maxNumber = 1 << 62
)

// Ingest is the centre's ear. Safe for many goroutines.
type Ingest struct {
	log     *slog.Logger
	commit  Log
	answers Answers
	keys    *keyCache
	now     func() time.Time
	queue   chan *job
	refused *rate.Limiter
	stats   counters
	strange strangers
}

type counters struct{ messages, records, refused, commits atomic.Int64 }

// Stats counts since the start.
type Stats struct {
	Messages int64 // taken and stored
	Records  int64 // journal records stored for the first time
	Refused  int64 // messages refused for good
	Commits  int64 // transactions
}

// New only stores; Run must run for messages to be taken.
func New(log *slog.Logger, commit Log, devices Devices, answers Answers, now func() time.Time) *Ingest {
	return &Ingest{
		log: log, commit: commit, answers: answers, now: now,
		keys:    &keyCache{devices: devices, now: now, held: map[radio.DeviceID]cachedKey{}},
		queue:   make(chan *job, maxQueue),
		refused: rate.NewLimiter(rate.Every(time.Second), 20),
	}
}

// Forget drops a device's key, after it was enrolled again or taken out.
func (in *Ingest) Forget(device radio.DeviceID) { in.keys.forget(device) }

// Stats gives the counters.
func (in *Ingest) Stats() Stats {
	return Stats{Messages: in.stats.messages.Load(), Records: in.stats.records.Load(),
		Refused: in.stats.refused.Load(), Commits: in.stats.commits.Load()}
}

// Message takes one message; nil means that it is on disk, or refused for good. The
// device is the one the broker has authenticated.
func (in *Ingest) Message(ctx context.Context, device, topic string, payload []byte) error {
	t, err := wire.ParseTopic(topic)
	if err == nil && (!t.Up || string(t.Device) != device) {
		err = fmt.Errorf("%w: topic of another", radio.ErrForbidden)
	}
	if err != nil {
		in.refuse(device, topic, err)
		return nil
	}
	if len(payload) == 0 && t.Kind.Retained() {
		return nil // it clears what a broker retains, mostly the centre's own doing, and says nothing
	}
	j, err := in.read(ctx, t, payload)
	switch {
	case errors.Is(err, radio.ErrInvalid), errors.Is(err, radio.ErrForbidden), errors.Is(err, radio.ErrNotFound):
		in.refuse(device, topic, err)
		return nil
	case err != nil:
		return fmt.Errorf("%s of device %s: %w", t.Kind, device, err)
	}
	if err := in.store(ctx, j); err != nil {
		return fmt.Errorf("store %s of device %s: %w", t.Kind, device, err)
	}
	in.stats.messages.Add(1)
	in.answer(ctx, j)
	return nil
}

// read proves a message and makes the job that stores it.
func (in *Ingest) read(ctx context.Context, t wire.Topic, data []byte) (*job, error) {
	j := &job{device: t.Device, received: radio.At(in.now()), done: make(chan error, 1)}
	news := radio.DeviceNews{Device: t.Device, Received: j.received}
	var err error
	switch t.Kind {
	case wire.Presence:
		var p wire.PresencePayload
		if p, err = wire.ParsePresence(data); err == nil && p.Connection > maxNumber {
			err = fmt.Errorf("%w: connection number %d", radio.ErrInvalid, p.Connection)
		}
		if err == nil {
			// Unsigned; but of a device that was taken out not even a hint is taken.
			_, _, err = in.keys.get(ctx, t.Device)
		}
		news.Presence = &radio.Presence{Alive: p.State == wire.Birth, Connection: p.Connection, At: j.received}
		j.news = &news
	case wire.Hello:
		j.hello, j.said = new(wire.HelloPayload), data
		if err = in.unseal(ctx, t, data, j.hello); err == nil {
			err = checkHello(*j.hello, t.Device)
		}
		if err == nil {
			news.Connection = j.hello.Connection
			news.Hello, err = json.Marshal(j.hello)
		}
		j.news = &news
	case wire.Reported:
		var s radio.Status
		if err = in.unseal(ctx, t, data, &s); err == nil && s.Device != t.Device {
			err = fmt.Errorf("%w: report of device %.32q", radio.ErrForbidden, string(s.Device))
		}
		if err == nil {
			news.Reported, err = json.Marshal(s)
		}
		j.news = &news
	case wire.Receipt:
		var r wire.ReceiptPayload
		if err = in.unseal(ctx, t, data, &r); err == nil {
			j.receipt, err = checkReceipt(r, t.Device, j.received)
		}
	case wire.Journal:
		var p wire.JournalPayload
		if err = in.unseal(ctx, t, data, &p); err == nil {
			err = p.Check(t.Device)
		}
		if err == nil {
			j.batch, err = readBatch(p, data)
		}
	default:
		err = fmt.Errorf("%w: %s is not for the centre", radio.ErrInvalid, t.Kind)
	}
	return j, err
}

// unseal proves a message against the device's key. When that fails the key is looked
// up anew, once: the device may have been enrolled again in the meantime.
func (in *Ingest) unseal(ctx context.Context, t wire.Topic, data []byte, out any) error {
	key, fresh, err := in.keys.get(ctx, t.Device)
	if err != nil {
		return err
	}
	err = wire.Unseal(t.Kind, string(t.Device), data, trust.Only(key), out)
	if !errors.Is(err, radio.ErrForbidden) || fresh {
		return err
	}
	again, err2 := in.keys.renew(ctx, t.Device)
	if err2 != nil {
		return err2
	}
	if again.KID == key.KID {
		return err
	}
	return wire.Unseal(t.Kind, string(t.Device), data, trust.Only(again), out)
}

func checkHello(h wire.HelloPayload, device radio.DeviceID) error {
	switch {
	case h.Device != device:
		return fmt.Errorf("%w: hello of device %.32q", radio.ErrForbidden, string(h.Device))
	case !radio.ValidID(h.Journal):
		return fmt.Errorf("%w: journal id in hello", radio.ErrInvalid)
	case h.Head > maxNumber || h.Acked > maxNumber || h.Oldest > maxNumber || h.Connection > maxNumber:
		return fmt.Errorf("%w: a number in hello is out of range", radio.ErrInvalid)
	case len(h.Nonce) > 64:
		return fmt.Errorf("%w: nonce of %d characters", radio.ErrInvalid, len(h.Nonce))
	case len(h.Lacks) > wire.MaxLacks || slices.ContainsFunc(h.Lacks, func(s radio.SHA256) bool { return !s.Valid() }):
		return fmt.Errorf("%w: %d voices lacking in hello", radio.ErrInvalid, len(h.Lacks))
	case h.Machine != "" && !machineForm.MatchString(h.Machine):
		return fmt.Errorf("%w: machine of %d characters in hello", radio.ErrInvalid, len(h.Machine))
	}
	return nil
}

func checkReceipt(p wire.ReceiptPayload, device radio.DeviceID, now radio.Millis) (*radio.Receipt, error) {
	switch p.State {
	case "received", "accepted", "rejected", "running", "done", "failed", "expired":
	default:
		return nil, fmt.Errorf("%w: receipt state %.32q", radio.ErrInvalid, p.State)
	}
	if p.Device != device {
		return nil, fmt.Errorf("%w: receipt of device %.32q", radio.ErrForbidden, string(p.Device))
	}
	if !radio.ValidID(p.ID) {
		return nil, fmt.Errorf("%w: id in receipt", radio.ErrInvalid)
	}
	return &radio.Receipt{Device: device, ID: p.ID, State: p.State, Reason: clean(p.Reason), At: p.At, Received: now}, nil
}

// answer tells the device; what cannot be told now is told when it asks again.
func (in *Ingest) answer(ctx context.Context, j *job) {
	var err error
	switch {
	case j.hello != nil:
		err = in.answers.Hello(ctx, j.device, *j.hello)
	case j.batch != nil:
		err = in.answers.Ack(ctx, wire.AckPayload{Device: j.device, Journal: j.batch.Journal, Upto: j.upto, Rejected: j.rejected, Hash: j.link, Forked: j.forked})
	case j.receipt != nil:
		in.log.Info("receipt", "device", string(j.device), "id", j.receipt.ID, "state", j.receipt.State, "reason", j.receipt.Reason)
	}
	if err != nil {
		in.log.Warn("device not answered", "device", string(j.device), "error", err)
	}
}

// refuse writes a line of the security log, at most one a second after the first 20.
func (in *Ingest) refuse(device, topic string, err error) {
	in.stats.refused.Add(1)
	if in.refused.Allow() {
		in.log.Warn("message refused", "security", true, "device", clean(device), "topic", clean(topic),
			"error", clean(err.Error()), "refused_so_far", in.stats.refused.Load())
	}
}
