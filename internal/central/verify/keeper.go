package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Book keeps checkpoints.
type Book interface {
	Checkpoint(ctx context.Context, sign func(over radio.Countersigned) (radio.KeptCheckpoint, error)) (radio.KeptCheckpoint, error)
	NewestCheckpoint(ctx context.Context) (radio.KeptCheckpoint, error)
	ThinCheckpoints(ctx context.Context, before radio.Millis, zone *time.Location) (int64, error)
	KeepKeyring(ctx context.Context, version int64, envelope []byte, at radio.Millis) error
}

// Signer is the centre's online key and the keyring it stands in.
type Signer interface {
	Online() trust.Key
	Keyring() ([]byte, trust.Keyring)
}

// Keeper signs a checkpoint a day, and closes months.
type Keeper struct {
	log  *slog.Logger
	book Book
	keys Signer
	// ca is the fingerprint of the devices' authority.
	ca   string
	zone *time.Location
	now  func() time.Time
	// dull: that the keyring lets nobody sign checkpoints was said.
	dull   bool
	closer *Closer
	shelf  *Archiver
	books  Books
}

// NewKeeper only stores. closer may be nil.
func NewKeeper(log *slog.Logger, book Book, keys Signer, ca string, zone *time.Location, now func() time.Time) *Keeper {
	return &Keeper{log: log, book: book, keys: keys, ca: ca, zone: zone, now: now}
}

// SettleDays lets the Keeper keep books of days, which its checkpoints countersign.
func (k *Keeper) SettleDays(books Books) { k.books = books }

const (
	// look is how often the Keeper looks whether a day or a month has ended.
	look = 10 * time.Minute
	// thinAfter: older checkpoints say of single journals only once a month.
	thinAfter = 40 * 24 * time.Hour
)

// Run works until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if err := k.Look(ctx); err != nil && ctx.Err() == nil {
			k.log.Error("checkpoint", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look makes the checkpoint of the day when it is due, and closes months that are.
func (k *Keeper) Look(ctx context.Context) error {
	last, err := k.book.NewestCheckpoint(ctx)
	if err != nil {
		return err
	}
	now := k.now().In(k.zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, k.zone)
	var errs []error
	if last.At < radio.At(midnight) || k.newKeyring(last) {
		switch made, err := k.Make(ctx); {
		case errors.Is(err, errNotListed):
			if !k.dull {
				k.log.Warn("the keyring lets nobody sign checkpoints yet, so that the log cannot be proven complete: sign a new keyring with `loaxa key sign`")
			}
			k.dull = true
		case err != nil:
			errs = append(errs, err)
		default:
			k.dull = false
			k.log.Info("checkpoint", "number", made.Number, "journals", made.Size, "digest", trust.Hash(made.Digest).String())
			_, err := k.book.ThinCheckpoints(ctx, radio.At(now.Add(-thinAfter)), k.zone)
			errs = append(errs, err)
		}
	}
	if k.closer != nil {
		errs = append(errs, k.closer.Due(ctx))
	}
	if k.shelf != nil {
		errs = append(errs, k.shelf.Due(ctx))
	}
	return errors.Join(errs...)
}

// newKeyring says whether the keyring is a newer one than the last checkpoint names: the
// next names it at once, so that nobody can keep it back.
func (k *Keeper) newKeyring(last radio.KeptCheckpoint) bool {
	_, ring := k.keys.Keyring()
	var p wire.CheckpointPayload
	payload, err := payloadOf(last.Envelope)
	return err == nil && json.Unmarshal(payload, &p) == nil && ring.Version > p.Keyring
}

// errNotListed: the keyring is from before there were checkpoints.
var errNotListed = fmt.Errorf("%w: the online key may not sign this: sign a new keyring with `loaxa key sign`", radio.ErrForbidden)

// Make signs a checkpoint now. An instant before that of the last one (the clock was set
// back) waits until it has passed.
func (k *Keeper) Make(ctx context.Context) (radio.KeptCheckpoint, error) {
	if err := k.mayUse(ctx, wire.Checkpoint); err != nil {
		return radio.KeptCheckpoint{}, err
	}
	if err := k.settle(ctx); err != nil {
		return radio.KeptCheckpoint{}, err
	}
	_, ring := k.keys.Keyring()
	return k.book.Checkpoint(ctx, func(over radio.Countersigned) (radio.KeptCheckpoint, error) {
		last := over.Last
		tree, err := treeOf(over.Marks)
		if err != nil {
			return radio.KeptCheckpoint{}, err
		}
		at := radio.At(k.now())
		if at < last.At {
			return radio.KeptCheckpoint{}, fmt.Errorf("%w: checkpoint %d is of %s, which is still to come", radio.ErrConflict, last.Number, last.At.Time())
		}
		p := wire.CheckpointPayload{Province: ring.Province, Number: last.Number + 1, At: at, Prev: last.Digest, Size: len(over.Marks), Tree: tree.Root(), CA: k.ca,
			Audit: wire.AuditMark{Number: over.Audit.Seq, Hash: over.Audit.Hash}, Keyring: ring.Version}
		for _, m := range over.Months {
			digest, err := monthDigest(m.Envelope)
			if err != nil {
				return radio.KeptCheckpoint{}, fmt.Errorf("closed month %s: %w", m.Month, err)
			}
			p.Closed = append(p.Closed, wire.MonthMark{Month: m.Month, Digest: digest})
		}
		envelope, digest, err := k.sign(wire.Checkpoint, string(ring.Province), p)
		return radio.KeptCheckpoint{At: at, Digest: digest, Envelope: envelope}, err
	})
}

// mayUse says whether the keyring lets the online key sign a kind, and keeps the keyring
// for whoever checks it later.
func (k *Keeper) mayUse(ctx context.Context, kind wire.Kind) error {
	envelope, ring := k.keys.Keyring()
	now := radio.At(k.now())
	if _, err := ring.OnlineLookup(string(kind), now, nil)(k.keys.Online().KID()); err != nil {
		return fmt.Errorf("%w (%v)", errNotListed, err)
	}
	return k.book.KeepKeyring(ctx, ring.Version, envelope, now)
}

func (k *Keeper) sign(kind wire.Kind, province string, payload any) (envelope []byte, digest trust.Hash, err error) {
	b, err := json.Marshal(payload)
	if err != nil {
		return nil, digest, fmt.Errorf("write a %s: %w", kind, err)
	}
	envelope, err = trust.Sign(kind.Type(), province, b, k.keys.Online())
	return envelope, wire.Digest(b), err
}
