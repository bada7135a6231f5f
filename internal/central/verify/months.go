package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// months are the closed ones, counted anew from the rows that come.
type months struct {
	held map[string]*monthSum
	// told are the snapshots that checkpoints name.
	told []toldMonth
}

type toldMonth struct {
	wire.MonthMark
	checkpoint
}

// monthSum adds up the rows of a month as they were known at one instant.
type monthSum struct {
	wire.MonthPayload
	sum hash.Hash
	got tally
	// snapshot is the digest of what was signed.
	snapshot trust.Hash
}

// tally is what a snapshot says of its rows.
type tally struct {
	rows, unplanned int64
	planned         map[radio.Outcome]int64
}

func newMonthSum(p wire.MonthPayload) *monthSum {
	return &monthSum{MonthPayload: p, sum: sha256.New(), got: tally{planned: map[radio.Outcome]int64{}}}
}

// add counts a row in, as it was known then. The rows come in the order of device, part of
// the log and airing.
func (m *monthSum) add(r radio.KeptRow) error {
	a, known := r.AsKnown(m.KnownAt)
	if !known {
		return nil
	}
	m.got.rows++
	if a.Planned() {
		m.got.planned[a.Outcome]++
	} else {
		m.got.unplanned++
	}
	return a.WriteMonthRow(m.sum)
}

func (m *monthSum) digest() trust.Hash { return trust.Hash(m.sum.Sum(nil)) }

// monthOf is the local month of a day.
func monthOf(d radio.Date) string { return string(d[:min(len(d), 7)]) }

// checkMonth reads "2026-12".
func checkMonth(month string) (first time.Time, err error) {
	first, err = time.Parse("2006-01", month)
	if err != nil {
		return first, fmt.Errorf("%w: month %q, want 2026-12", radio.ErrInvalid, clip(month))
	}
	return first, nil
}

// closedMonth takes the snapshot of a month.
func (v *Verifier) closedMonth(envelope []byte) {
	v.rep.Months++
	var p wire.MonthPayload
	payload, kid, err := v.auth.online(wire.Month, envelope)
	if err == nil {
		err = json.Unmarshal(payload, &p)
	}
	if err == nil {
		_, err = checkMonth(p.Month)
	}
	switch {
	case err != nil:
	case p.Province != v.auth.province || v.month.held[p.Month] != nil:
		err = fmt.Errorf("%w: what it says", radio.ErrInvalid)
	case v.auth.ended(kid, p.KnownAt):
		err = fmt.Errorf("%w: the time of key %s had ended", radio.ErrForbidden, kid)
	case v.auth.revoked(kid) && !v.month.vouched(p.Month, wire.Digest(payload), v.marks.good):
		err = fmt.Errorf("%w: key %s was revoked, and nobody knows who has signed with it", radio.ErrForbidden, kid)
	}
	if err != nil {
		v.rep.bad(Finding{Kind: Signed, Text: fmt.Sprintf("closed month %s: %v", clip(p.Month), err)})
		return
	}
	if v.month.held == nil {
		v.month.held = map[string]*monthSum{}
	}
	s := newMonthSum(p)
	s.snapshot = wire.Digest(payload)
	v.month.held[p.Month] = s
}

// name notes the months that a checkpoint names as closed.
func (m *months) name(c checkpoint, list []wire.MonthMark) {
	for _, one := range list {
		m.told = append(m.told, toldMonth{one, c})
	}
}

// vouched says whether a checkpoint up to a number names the snapshot.
func (m *months) vouched(month string, snapshot trust.Hash, upto uint64) bool {
	return slices.ContainsFunc(m.told, func(t toldMonth) bool { return t.Month == month && t.Digest == snapshot && t.number <= upto })
}

// missing names the months whose snapshot is gone, or is another one than was countersigned.
func (m *months) missing(v *Verifier) {
	for _, t := range m.told {
		s := m.held[t.Month]
		switch {
		case s == nil:
			v.rep.bad(Finding{Kind: Missing, At: t.at, Text: fmt.Sprintf("checkpoint %d says that month %s was closed; its snapshot is not here", t.number, clip(t.Month))})
		case s.snapshot != t.Digest:
			v.rep.bad(Finding{Kind: Rewritten, At: t.at, Text: fmt.Sprintf("month %s was closed with another snapshot, as checkpoint %d says", t.Month, t.number)})
		}
	}
}

func (m *months) row(r radio.KeptRow) error {
	if s := m.held[monthOf(r.Day)]; s != nil {
		return s.add(r)
	}
	return nil
}

// finish holds the snapshots against the rows, where all of them have come.
func (m *months) finish(v *Verifier) {
	m.missing(v)
	for _, month := range slices.Sorted(maps.Keys(m.held)) {
		s := m.held[month]
		if gone, done := v.head.archived(month); gone {
			if done && s.got.rows > 0 {
				v.rep.bad(Finding{Kind: LogRow, At: s.KnownAt, Text: fmt.Sprintf("month %s is said to rest in the archive, and %d of its rows are here", month, s.got.rows)})
			}
			continue
		}
		first, err := checkMonth(s.Month)
		if err != nil || !v.head.Whole || v.head.From > radio.DateOf(first) || v.head.To != "" && v.head.To < radio.DateOf(first.AddDate(0, 1, -1)) {
			continue
		}
		if s.got.rows != s.Rows || s.digest() != s.Digest || s.got.unplanned != s.Unplanned || !maps.Equal(s.got.planned, s.Planned) {
			v.rep.bad(Finding{Kind: Signed, At: s.KnownAt, Text: fmt.Sprintf("month %s was closed with %d rows; what the log says of that instant today (%d rows) is not the same", s.Month, s.Rows, s.got.rows)})
		}
	}
}

// monthDigest names the snapshot in an envelope, as checkpoints do.
func monthDigest(envelope []byte) (trust.Hash, error) {
	payload, err := payloadOf(envelope)
	if err != nil {
		return trust.Hash{}, err
	}
	return wire.Digest(payload), nil
}

// payloadOf gives what was signed in an envelope, without proving it.
func payloadOf(envelope []byte) ([]byte, error) {
	var env trust.Envelope
	if err := json.Unmarshal(envelope, &env); err != nil {
		return nil, fmt.Errorf("%w: envelope: %v", radio.ErrInvalid, err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(env.Payload)
	if err != nil {
		return nil, fmt.Errorf("%w: payload: %v", radio.ErrInvalid, err)
	}
	return payload, nil
}
