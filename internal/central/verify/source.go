package verify

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"sort"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Journals are the raw words of the devices, as store keeps them.
type Journals interface {
	JournalDevices(ctx context.Context) ([]radio.DeviceID, error)
	Journals(ctx context.Context, device radio.DeviceID) ([]radio.KeptJournal, error)
	JournalRecords(ctx context.Context, ref radio.JournalRef, after uint64, limit int) ([]radio.KeptRecord, error)
	JournalBatches(ctx context.Context, ref radio.JournalRef, from uint64, limit int) ([]radio.KeptBatch, error)
	JournalEvents(ctx context.Context, ref radio.JournalRef, limit int) ([]radio.JournalDispute, error)
	DeviceCertificates(ctx context.Context, device radio.DeviceID) ([]radio.Certificate, error)
}

// Rows are the log that people read.
type Rows interface {
	LogParts(ctx context.Context) ([]int64, error)
	KeptRows(ctx context.Context, part int64, device radio.DeviceID, after radio.AiringID, limit int) ([]radio.KeptRow, error)
	ClosedMonths(ctx context.Context) ([]radio.ClosedMonth, error)
	ArchivedMonths(ctx context.Context) ([]radio.ArchivedMonth, error)
}

// Marks are the checkpoints and what they were signed under.
type Marks interface {
	Keyrings(ctx context.Context) ([][]byte, error)
	Checkpoints(ctx context.Context, after uint64, limit int) ([]radio.KeptCheckpoint, error)
	CheckpointMarks(ctx context.Context, number uint64) ([]radio.CheckpointMark, error)
	JournalMarks(ctx context.Context, ref radio.JournalRef) ([]radio.CheckpointMark, error)
}

// Store is all that a bundle is made of.
type Store interface {
	Journals
	Rows
	Marks
	Books
}

// Source gives the items of a bundle from the centre's database, in their order.
type Source struct {
	Store    Store
	Province radio.Area
	Root     trust.PublicKey // the first
	Steps    []json.RawMessage
	// Keyring is the one in force, which may not have been kept yet.
	Keyring []byte
	CA      string // PEM
	Names   map[radio.DeviceID]radio.Device
}

// Choice says what a bundle holds.
type Choice struct {
	// Devices, when not nil, are the only ones.
	Devices []radio.DeviceID
	// From and To are the local days of the rows, and bound, by when they came, the records.
	From, To radio.Date
	// FromAt and ToAt are those days' instants.
	FromAt, ToAt radio.Millis
	MadeAt       radio.Millis
}

func (c Choice) whole() bool { return c.Devices == nil }

const (
	page     = 400
	rowsPage = 200
)

// Walk hands the items to take.
func (s Source) Walk(ctx context.Context, c Choice, take func(Item) error) error {
	archived, err := s.archived(ctx)
	if err != nil {
		return err
	}
	trees := &forest{store: s.Store, held: map[uint64]grown{}}
	newest, told, err := s.ends(ctx, c, trees)
	if err != nil {
		return err
	}
	err = take(Item{Head: &Head{Format: Format, Province: s.Province.ID, Name: s.Province.Name, Zone: s.Province.Zone, MadeAt: c.MadeAt, Program: radio.Version,
		From: c.From, To: c.To, Whole: c.whole(), Root: s.Root, Steps: s.Steps, CA: s.CA, Checkpoint: told, Archived: archived}})
	if err != nil {
		return err
	}
	if err := s.keyrings(ctx, take); err != nil {
		return err
	}
	if err := s.eachCheckpoint(ctx, newest, func(k radio.KeptCheckpoint) error { return take(Item{Checkpoint: k.Envelope}) }); err != nil {
		return err
	}
	if err := s.months(ctx, take); err != nil {
		return err
	}
	devices := slices.Clone(c.Devices)
	if c.whole() {
		if devices, err = s.Store.JournalDevices(ctx); err != nil {
			return err
		}
	}
	slices.Sort(devices)
	for _, d := range slices.Compact(devices) {
		if err := s.device(ctx, c, d, newest, told, trees, take); err != nil {
			return fmt.Errorf("device %s: %w", d, err)
		}
	}
	return nil
}

// archived lists the months that are not here any more, the oldest first.
func (s Source) archived(ctx context.Context) ([]Archived, error) {
	gone, err := s.Store.ArchivedMonths(ctx)
	if err != nil {
		return nil, err
	}
	var out []Archived
	for _, m := range gone {
		out = append(out, Archived{Month: m.Month, File: m.File, SHA256: m.SHA256, Done: m.DoneAt != 0})
	}
	return out, nil
}

// months hands out all snapshots, also those of which the rows are archived.
func (s Source) months(ctx context.Context, take func(Item) error) error {
	months, err := s.Store.ClosedMonths(ctx)
	if err != nil {
		return err
	}
	for _, m := range months {
		if len(m.Envelope) == 0 {
			continue // being closed
		}
		if err := take(Item{Month: m.Envelope}); err != nil {
			return err
		}
	}
	return nil
}

func (s Source) keyrings(ctx context.Context, take func(Item) error) error {
	kept, err := s.Store.Keyrings(ctx)
	if err != nil {
		return err
	}
	if len(s.Keyring) > 0 && !slices.ContainsFunc(kept, func(b []byte) bool { return string(b) == string(s.Keyring) }) {
		kept = append(kept, s.Keyring)
	}
	for _, k := range kept {
		if err := take(Item{Keyring: k}); err != nil {
			return err
		}
	}
	return nil
}

// eachCheckpoint hands out the chain up to a number.
func (s Source) eachCheckpoint(ctx context.Context, upto uint64, each func(radio.KeptCheckpoint) error) error {
	for after := uint64(0); ; {
		list, err := s.Store.Checkpoints(ctx, after, page)
		if err != nil {
			return err
		}
		for _, k := range list {
			if k.Number > upto {
				return nil
			}
			if err := each(k); err != nil {
				return err
			}
			after = k.Number
		}
		if len(list) < page {
			return nil
		}
	}
}

// ends finds the newest checkpoint, and the one at which the ends of the journals are told:
// the newest of the choice that still says of single journals.
func (s Source) ends(ctx context.Context, c Choice, trees *forest) (newest, told uint64, err error) {
	empty := map[uint64]bool{}
	err = s.eachCheckpoint(ctx, 1<<62, func(k radio.KeptCheckpoint) error {
		newest = k.Number
		empty[k.Number] = k.Size == 0
		if c.ToAt == 0 || k.At < c.ToAt {
			told = k.Number
		}
		return nil
	})
	for err == nil && told > 0 && told != newest && !empty[told] {
		t, err := trees.at(ctx, told)
		if err != nil {
			return 0, 0, err
		}
		if t.tree.Size() > 0 {
			break
		}
		told--
	}
	return newest, told, err
}

func (s Source) device(ctx context.Context, c Choice, id radio.DeviceID, newest, told uint64, trees *forest, take func(Item) error) error {
	certs, err := s.Store.DeviceCertificates(ctx, id)
	if err != nil {
		return err
	}
	d := Device{ID: id, Code: s.Names[id].Code, Name: s.Names[id].Name, Certificates: []string{}}
	for _, k := range certs {
		d.Certificates = append(d.Certificates, k.PEM)
	}
	if d.Before, d.After, err = trees.beside(ctx, told, id); err != nil {
		return err
	}
	if err := take(Item{Device: &d}); err != nil {
		return err
	}
	if err := s.book(ctx, c, id, newest, told, trees, take); err != nil {
		return fmt.Errorf("book of days: %w", err)
	}
	journals, err := s.Store.Journals(ctx, id)
	if err != nil {
		return err
	}
	ends := map[radio.JournalID]uint64{}
	for _, j := range journals {
		ends[j.Journal] = j.Upto
		if err := s.journal(ctx, c, j, told, trees, take); err != nil {
			return fmt.Errorf("journal %s: %w", j.Journal, err)
		}
	}
	return s.rows(ctx, c, id, ends, take)
}

// settled takes from a row the words that have come since the ends of the journals were
// read: devices go on talking while the log is walked. A word that no journal has by now
// either stays, and is found.
func (s Source) settled(ctx context.Context, id radio.DeviceID, ends map[radio.JournalID]uint64, r radio.KeptRow) (_ radio.KeptRow, known bool, err error) {
	i := slices.IndexFunc(r.Said, func(w radio.Word) bool { return w.From == radio.WordDevice && w.Seq > ends[w.Journal] })
	if i < 0 {
		return r, true, nil
	}
	now, err := s.Store.Journals(ctx, id)
	if err != nil {
		return r, false, err
	}
	for _, w := range r.Said[i:] {
		if w.From == radio.WordDevice && !slices.ContainsFunc(now, func(j radio.KeptJournal) bool { return j.Journal == w.Journal && w.Seq <= j.Upto }) {
			return r, true, nil
		}
	}
	r.Said = r.Said[:i]
	r.AsRun, known = r.AsKnown(1 << 62)
	return r, known, nil
}

func (s Source) rows(ctx context.Context, c Choice, id radio.DeviceID, ends map[radio.JournalID]uint64, take func(Item) error) error {
	parts, err := s.Store.LogParts(ctx)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if outside(part, c) {
			continue
		}
		var after radio.AiringID
		for {
			rows, err := s.Store.KeptRows(ctx, part, id, after, rowsPage)
			if err != nil {
				return err
			}
			for _, r := range rows {
				after = r.Airing
				if r.Day < c.From || c.To != "" && r.Day > c.To {
					continue
				}
				if err := s.row(ctx, c, id, ends, r, take); err != nil {
					return err
				}
			}
			if len(rows) < rowsPage {
				break
			}
		}
	}
	return nil
}

func (s Source) row(ctx context.Context, c Choice, id radio.DeviceID, ends map[radio.JournalID]uint64, r radio.KeptRow, take func(Item) error) error {
	known := true
	if c.To == "" {
		var err error
		if r, known, err = s.settled(ctx, id, ends, r); err != nil {
			return err
		}
	}
	if !known {
		return nil
	}
	return take(Item{Row: &Row{Row: r.AsRun, Said: r.Said}})
}

// outside says that no row of a part of the log can lie in the choice: a day of the zone
// may lie in the part before or after its own.
func outside(part int64, c Choice) bool {
	number := func(d radio.Date, months int) int64 {
		t, err := checkMonth(monthOf(d))
		if err != nil {
			return part
		}
		t = t.AddDate(0, months, 0)
		return int64(t.Year())*100 + int64(t.Month())
	}
	return c.From != "" && part < number(c.From, -1) || c.To != "" && part > number(c.To, 1)
}

// forest makes the trees of checkpoints anew, once each.
type forest struct {
	store Marks
	held  map[uint64]grown
}

// grown is a tree with its leaves.
type grown struct {
	tree   trust.Tree
	leaves []radio.CheckpointMark
}

func (f *forest) at(ctx context.Context, number uint64) (grown, error) {
	t, ok := f.held[number]
	if ok {
		return t, nil
	}
	marks, err := f.store.CheckpointMarks(ctx, number)
	if err != nil {
		return t, err
	}
	t.leaves = marks
	if t.tree, err = treeOf(marks); err != nil {
		return t, err
	}
	if len(f.held) > 64 {
		clear(f.held)
	}
	f.held[number] = t
	return t, nil
}

// mark gives a mark with its path.
func (f *forest) mark(ctx context.Context, m radio.CheckpointMark) (*Mark, error) {
	t, err := f.at(ctx, m.Number)
	if err != nil {
		return nil, err
	}
	out := &Mark{Number: m.Number, Place: m.Place, Leaf: leafOf(m)}
	if m.Place < t.tree.Size() {
		out.Path = t.tree.Path(m.Place)
	}
	return out, nil
}

// beside gives the leaves before and after those of a device.
func (f *forest) beside(ctx context.Context, number uint64, id radio.DeviceID) (before, after *Mark, err error) {
	if number == 0 {
		return nil, nil, nil
	}
	t, err := f.at(ctx, number)
	if err != nil {
		return nil, nil, err
	}
	first := sort.Search(len(t.leaves), func(i int) bool { return t.leaves[i].Device >= id })
	next := sort.Search(len(t.leaves), func(i int) bool { return t.leaves[i].Device > id })
	if first > 0 {
		if before, err = f.mark(ctx, t.leaves[first-1]); err != nil {
			return nil, nil, err
		}
	}
	if next < len(t.leaves) {
		after, err = f.mark(ctx, t.leaves[next])
	}
	return before, after, err
}

func leafOf(m radio.CheckpointMark) wire.CheckpointLeaf {
	return wire.CheckpointLeaf{Device: m.Device, Journal: m.Journal, Upto: m.Upto, Hash: m.Hash, KID: m.KID, Gaps: m.Gaps}
}

func treeOf(marks []radio.CheckpointMark) (trust.Tree, error) {
	list := make([][]byte, len(marks))
	for i, m := range marks {
		b, err := leafOf(m).Bytes()
		if err != nil {
			return trust.Tree{}, err
		}
		list[i] = b
	}
	return trust.NewTree(list), nil
}

// CertificatePEM writes a certificate as bundles hold it.
func CertificatePEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
