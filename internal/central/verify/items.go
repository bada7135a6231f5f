// Package verify answers whether the confirmation log is what the devices have said. It
// walks the exact bytes of their journals, from store or from an exported bundle: the
// chain of every journal, the device's signature over every batch, the centre's
// checkpoints over the ends of all journals, the rows that people read, and closed months.
// What it believes is one key: the province's root, by its thumbprint. It also makes what
// it checks: the daily checkpoint (Keeper), the closing of months, bundles for auditors,
// and the archive of what is older than the log keeps.
//
// A bundle is a file of JSON lines, packed with gzip: one Item a line, first the Head,
// then keys, checkpoints and closed months, then device by device its journals and rows,
// last the End. Reading it needs memory for one device's results, however long it is.
package verify

import (
	"encoding/json"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// Format names the first version of the bundle.
const Format = "loaxa.bundle.v1"

// Item is one line of a bundle: exactly one member is set.
type Item struct {
	Head       *Head    `json:"head,omitempty"`
	Keyring    wire.Raw `json:"keyring,omitempty"`    // the signed envelope
	Checkpoint wire.Raw `json:"checkpoint,omitempty"` // the signed envelope
	Month      wire.Raw `json:"month,omitempty"`      // the signed envelope
	Device     *Device  `json:"device,omitempty"`
	Book       *DayBook `json:"book,omitempty"`
	Day        *Day     `json:"day,omitempty"`
	Journal    *Journal `json:"journal,omitempty"`
	Mark       *Mark    `json:"mark,omitempty"`
	Event      *Event   `json:"event,omitempty"`
	Batch      *Batch   `json:"batch,omitempty"`
	Record     *Record  `json:"record,omitempty"`
	Row        *Row     `json:"row,omitempty"`
	End        *End     `json:"end,omitempty"`
}

// Head says what the bundle is of, and from which root its keys come.
type Head struct {
	Format   string            `json:"format"`
	Province radio.AreaID      `json:"province"`
	Name     string            `json:"name"`
	Zone     string            `json:"zone"` // whose days the log is of
	MadeAt   radio.Millis      `json:"made_at"`
	Program  string            `json:"program"`
	From     radio.Date        `json:"from,omitempty"` // "" is everything
	To       radio.Date        `json:"to,omitempty"`
	Whole    bool              `json:"whole"` // every journal of the province
	Root     trust.PublicKey   `json:"root"`  // the first root
	Steps    []json.RawMessage `json:"steps,omitempty"`
	CA       string            `json:"ca"` // PEM
	// Checkpoint is the one at which the ends of the journals are told: the newest, or that
	// of the last days. 0 before the first.
	Checkpoint uint64 `json:"checkpoint,omitempty"`
	// Archived are the months whose rows and records rest in files.
	Archived []Archived `json:"archived,omitempty"`
}

// Archived is a month that has left the log, or is leaving it.
type Archived struct {
	Month  string `json:"month"`
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Done   bool   `json:"done"`
}

// archived says whether a month's rows rest in a file, and all of them.
func (h Head) archived(month string) (gone, done bool) {
	for _, a := range h.Archived {
		if a.Month == month {
			return true, a.Done
		}
	}
	return false, false
}

// begins is the day, by any zone's clock, before which records may be elsewhere; "" when
// all must be here.
func (h Head) begins() radio.Date {
	if h.From != "" || len(h.Archived) == 0 {
		return h.From
	}
	first, err := checkMonth(h.Archived[len(h.Archived)-1].Month)
	if err != nil {
		return ""
	}
	return radio.DateOf(first.AddDate(0, 1, 0))
}

// Device begins what follows of one device.
type Device struct {
	ID           radio.DeviceID `json:"id"`
	Code         string         `json:"code"`
	Name         string         `json:"name"`
	Certificates []string       `json:"certificates"` // PEM, the first one first
	// Before and After are the leaves beside the device's own in the tree of the head's
	// checkpoint: between them it can hide none.
	Before *Mark `json:"before,omitempty"`
	After  *Mark `json:"after,omitempty"`
}

// DayBook begins the device's book of days: the entries behind After, up to Upto. It stands
// before the journals, as its leaf does in the tree.
type DayBook struct {
	After  uint64     `json:"after"`
	Before trust.Hash `json:"before,omitzero"` // link of entry After
	Upto   uint64     `json:"upto"`
}

// Day is an entry of the book. Rows are those of radio.ReadSettled, of days that are here.
type Day struct {
	radio.SettledDay
	Rows wire.Raw `json:"body,omitempty"`
}

// Journal begins one journal of the device. It holds the records behind After, up to Upto.
type Journal struct {
	Journal radio.JournalID `json:"journal"`
	After   uint64          `json:"after"`
	Before  trust.Hash      `json:"before,omitzero"` // link of record After, as the centre has it
	Upto    uint64          `json:"upto"`
	Link    trust.Hash      `json:"link,omitzero"` // of record Upto; zero when the chain is not held there
}

// Mark is the end of the journal at a checkpoint, and the path by which that tree holds it.
type Mark struct {
	Number uint64              `json:"number"`
	Place  int                 `json:"place"`
	Leaf   wire.CheckpointLeaf `json:"leaf"`
	Path   []trust.Hash        `json:"path"`
}

// Event is a security event of the journal, as ingest has noted it.
type Event struct {
	Kind     radio.DisputeKind `json:"kind"`
	Seq      uint64            `json:"seq"`
	Last     uint64            `json:"last"`
	Held     trust.Hash        `json:"held"`
	Claimed  trust.Hash        `json:"claimed"`
	Bytes    wire.Raw          `json:"bytes,omitempty"` // fork: the other record
	Envelope wire.Raw          `json:"envelope,omitempty"`
}

// Batch is the signature by which the records from New to Last came; it was made over
// those from First to Last. Payload is there only when it cannot be built again.
type Batch struct {
	New        uint64       `json:"new"`
	First      uint64       `json:"first"`
	Last       uint64       `json:"last"`
	Prev       trust.Hash   `json:"prev"`
	Received   radio.Millis `json:"received"`
	Signatures wire.Raw     `json:"signatures"`
	Payload    wire.Raw     `json:"payload,omitempty"`
}

// Record is one record's exact bytes.
type Record struct {
	Seq      uint64           `json:"seq"`
	Link     trust.Hash       `json:"link"`
	Kind     radio.RecordKind `json:"kind,omitempty"`
	At       radio.Millis     `json:"at,omitempty"`
	Received radio.Millis     `json:"received"`
	Bytes    wire.Raw         `json:"bytes"`
	Poison   string           `json:"poison,omitempty"`
}

// Row is a row of the log, with all that was said about it.
type Row struct {
	Row  radio.AsRun  `json:"row"`
	Said []radio.Word `json:"said,omitempty"`
}

// End closes a bundle: what is cut off behind it does not go unnoticed.
type End struct {
	Lines  int64      `json:"lines"`
	Digest trust.Hash `json:"digest"` // SHA-256 of the lines before it
}
