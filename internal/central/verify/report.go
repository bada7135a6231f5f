package verify

import (
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// Kind says what is wrong with what is named.
type Kind string

const (
	Altered   Kind = "altered"   // not the bytes that were signed or chained
	Missing   Kind = "missing"   // records lack between others, or at the end
	Reordered Kind = "reordered" // it stands at another's place
	Unsigned  Kind = "unsigned"  // nobody's signature holds over it
	Broken    Kind = "broken"    // it does not follow from the one before it
	Rewritten Kind = "rewritten" // not what a checkpoint has countersigned
	LogRow    Kind = "row"       // the log says other than the records
	Keys      Kind = "keys"      // a key that nobody vouches for
	Signed    Kind = "signed"    // a checkpoint or a closed month does not hold
	File      Kind = "file"      // the bundle is damaged or not in order
)

// Finding is one thing that is wrong, or worth knowing.
type Finding struct {
	Kind    Kind            `json:"kind"`
	Device  radio.DeviceID  `json:"device,omitempty"`
	Code    string          `json:"code,omitempty"`
	Journal radio.JournalID `json:"journal,omitempty"`
	Seq     uint64          `json:"seq,omitempty"`
	Last    uint64          `json:"last,omitempty"` // of several
	Airing  radio.AiringID  `json:"airing,omitempty"`
	// At is when the record was written by the device's clock, or came to the centre; for
	// what is missing, the time of the record before it.
	At   radio.Millis `json:"at,omitempty"`
	Text string       `json:"text"`
}

// Counts is what was walked.
type Counts struct {
	Devices     int64 `json:"devices"`
	Journals    int64 `json:"journals"`
	Records     int64 `json:"records"`
	Batches     int64 `json:"batches"`
	Rows        int64 `json:"rows"`
	Keyrings    int64 `json:"keyrings"`
	Checkpoints int64 `json:"checkpoints"`
	Months      int64 `json:"months"`
	// Covered is how many of the records a checkpoint has countersigned.
	Covered int64 `json:"covered"`
	// Elsewhere is how many words of the log are in records that came before or after what
	// is here.
	Elsewhere int64 `json:"elsewhere,omitempty"`
	// Own is how many rows rest on the centre's word alone: no device has spoken of them, and
	// no checkpoint has countersigned their day yet.
	Own int64 `json:"own,omitempty"`
}

// Report is what came of a walk.
type Report struct {
	Counts
	// Bad is how many findings there are, Findings the first of them.
	Bad      int64     `json:"bad"`
	Findings []Finding `json:"findings"`
	// Known are events that ingest has noted with their evidence: they are explained.
	Known int64     `json:"known"`
	Notes []Finding `json:"notes"`
	// Whole, From and To are what the log says it is of: every device, which days ("" for
	// all). Archived are the months of it that rest in files.
	Whole    bool       `json:"whole"`
	From     radio.Date `json:"from,omitempty"`
	To       radio.Date `json:"to,omitempty"`
	Archived []Archived `json:"archived,omitempty"`
	// Proven is the checkpoint up to which nothing was cut off; 0 when there is none.
	Proven   uint64       `json:"proven,omitempty"`
	ProvenAt radio.Millis `json:"proven_at,omitempty"`
	// Newest is the last checkpoint: its number and digest are what to keep on paper.
	Newest uint64       `json:"newest,omitempty"`
	At     radio.Millis `json:"newest_at,omitempty"`
	Digest trust.Hash   `json:"newest_digest,omitzero"`
	// Root is the key all of it was held against.
	Root string `json:"root"`
}

// most bounds the findings that are named, and the notes.
const most = 1000

// OK says that everything holds.
func (r Report) OK() bool { return r.Bad == 0 }

func (r *Report) bad(f Finding) {
	r.Bad++
	if len(r.Findings) < most {
		r.Findings = append(r.Findings, f)
	}
}

// Add takes findings of what stands beside the walk.
func (r *Report) Add(list ...Finding) {
	for _, f := range list {
		r.bad(f)
	}
}

func (r *Report) note(f Finding) {
	r.Known++
	if len(r.Notes) < most {
		r.Notes = append(r.Notes, f)
	}
}

// String is the finding in one line.
func (f Finding) String() string {
	s := string(f.Kind)
	if f.Device != "" {
		name := f.Code
		if name == "" {
			name = string(f.Device)
		}
		s += " · device " + name
	}
	if f.Journal != "" {
		s += " · journal " + string(f.Journal)
	}
	switch {
	case f.Last > f.Seq:
		s += fmt.Sprintf(" · records %d–%d", f.Seq, f.Last)
	case f.Seq != 0:
		s += fmt.Sprintf(" · record %d", f.Seq)
	}
	if f.Airing != "" {
		s += " · airing " + string(f.Airing)
	}
	if f.At != 0 {
		s += " · " + f.At.Time().Format("2006-01-02 15:04:05Z")
	}
	return s + ": " + f.Text
}
