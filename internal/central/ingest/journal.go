package ingest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// batch is a proven journal message, read as far as that goes without the database.
type batch struct {
	radio.JournalRef
	first    uint64
	prev     trust.Hash
	records  []record
	envelope []byte
	// signatures and payload as in radio.JournalProof; rebuilt says that the payload
	// can be built again from the records.
	signatures, payload []byte
	rebuilt             bool
}

type record struct {
	seq    uint64
	bytes  []byte
	prev   trust.Hash
	link   trust.Hash
	parsed radio.Record
	poison string
}

// readBatch chains the records of a proven payload and reads each; a record that
// cannot be taken is named, not the whole batch refused.
func readBatch(p wire.JournalPayload, envelope []byte) (*batch, error) {
	var env trust.Envelope
	if err := json.Unmarshal(envelope, &env); err != nil {
		return nil, fmt.Errorf("%w: envelope: %v", radio.ErrInvalid, err)
	}
	signatures, err := json.Marshal(env.Signatures)
	if err != nil {
		return nil, fmt.Errorf("write signatures: %w", err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(env.Payload)
	if err != nil {
		return nil, fmt.Errorf("%w: payload: %v", radio.ErrInvalid, err)
	}
	again, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write payload: %w", err)
	}
	b := &batch{
		JournalRef: radio.JournalRef{Device: p.Device, Journal: p.Journal},
		first:      p.First, prev: p.Prev, envelope: envelope,
		signatures: signatures, payload: payload, rebuilt: string(again) == string(payload),
	}
	link := p.Prev
	for i, raw := range p.Records {
		r := record{seq: p.First + uint64(i), bytes: raw, prev: link, link: trust.NextHash(link, raw)}
		link = r.link
		r.parsed, r.poison = readRecord(raw, p.Device, r.seq)
		b.records = append(b.records, r)
	}
	return b, nil
}

// readRecord gives the record, or why it is poison.
func readRecord(raw []byte, device radio.DeviceID, seq uint64) (radio.Record, string) {
	r, err := wire.ReadRecord(raw, device, seq)
	if err != nil {
		return r, clean(err.Error())
	}
	return r, ""
}

// clean makes a text from outside fit for any database and log: valid UTF-8 without
// control characters, at most 200 bytes.
func clean(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// merged is what one batch adds to a journal.
type merged struct {
	head     radio.JournalHead
	entries  []radio.JournalEntry
	heard    []radio.Heard
	proof    *radio.JournalProof
	disputes []radio.JournalDispute
	rejected []wire.Rejected
	forked   *wire.Forked
	// upto and link are where the journal stands by the word of this batch: at its end, also
	// when more is held, for the device can hold only what it has against its own chain.
	upto uint64
	link trust.Hash // zero where the chain is not held
}

// merge is the one rule by which a journal grows. links holds the links of every
// record of the batch that is held already.
//
//   - A batch that begins behind the head's successor adds nothing: the answer names
//     the head, and the device sends what lies between first.
//   - A record that is held with the same link is a repetition and changes nothing.
//   - A record held with another link is a fork: both are kept, the first counts. Nothing
//     behind it is taken: the device tells what it has from there on in a new journal, where
//     all of it counts. One that does not know of that goes on behind the head, as a break.
//   - The successor of the head is taken. When it claims to follow another record than
//     the one held, that is noted as a break, and it is taken all the same: the
//     device's key signed it, and its airings did happen.
//   - A poison record is kept apart under its number, and the journal goes on.
func merge(head radio.JournalHead, links map[uint64][32]byte, b *batch, now radio.Millis) merged {
	m := merged{head: head}
	m.stands(head.Upto, head.Link, head.Linked)
	if b.first > head.Upto+1 {
		return m
	}
	if head.Upto == 0 && !head.Linked {
		m.head.Link, m.head.Linked = trust.FirstHash(b.Journal), true
	}
	whole := b.rebuilt
	var taken uint64
	for _, r := range b.records {
		if r.seq <= m.head.Upto {
			link, held := links[r.seq]
			whole = whole && held && link == r.link
			switch {
			case held && link != r.link:
				if m.forked == nil {
					m.forked = &wire.Forked{Seq: r.seq, Own: r.link, Before: links[r.seq-1]}
				}
				m.dispute(b, radio.JournalDispute{Kind: radio.DisputeFork, Seq: r.seq, Last: r.seq, Held: link, Claimed: r.link, Bytes: r.bytes})
				m.rejected = append(m.rejected, wire.Rejected{Seq: r.seq, Reason: "conflict: another record is held under this number"})
			case r.poison != "":
				m.rejected = append(m.rejected, wire.Rejected{Seq: r.seq, Reason: r.poison})
			}
			if held && m.forked == nil {
				m.stands(r.seq, link, true)
			}
			continue
		}
		if m.forked != nil {
			break
		}
		if m.head.Linked && m.head.Link != r.prev {
			m.dispute(b, radio.JournalDispute{Kind: radio.DisputeBreak, Seq: r.seq, Last: r.seq, Held: m.head.Link, Claimed: r.prev})
		}
		e := radio.JournalEntry{JournalRef: b.JournalRef, Seq: r.seq, Link: r.link, Bytes: r.bytes, Poison: r.poison}
		if r.poison == "" {
			e.Kind, e.At = r.parsed.Kind, r.parsed.At
			m.heard = append(m.heard, radio.Heard{Device: b.Device, Journal: b.Journal, Received: now, Record: r.parsed})
		} else {
			m.rejected = append(m.rejected, wire.Rejected{Seq: r.seq, Reason: r.poison})
		}
		m.entries = append(m.entries, e)
		if taken == 0 {
			taken = r.seq
		}
		m.head.Upto, m.head.Link, m.head.Linked = r.seq, r.link, true
		m.stands(r.seq, r.link, true)
	}
	if m.forked != nil {
		m.stands(m.head.Upto, m.head.Link, m.head.Linked)
	}
	if taken != 0 {
		m.proof = &radio.JournalProof{JournalRef: b.JournalRef, New: taken, First: b.first, Last: m.head.Upto, Prev: b.prev, Signatures: b.signatures}
		if !whole {
			m.proof.Payload = b.payload
		}
	}
	return m
}

func (m *merged) stands(upto uint64, link trust.Hash, linked bool) {
	m.upto, m.link = upto, trust.Hash{}
	if linked {
		m.link = link
	}
}

// dispute notes a security event; the signed message is kept with the first of them.
func (m *merged) dispute(b *batch, d radio.JournalDispute) {
	d.JournalRef = b.JournalRef
	if len(m.disputes) == 0 {
		d.Envelope = b.envelope
	}
	m.disputes = append(m.disputes, d)
}

// gap applies what a hello says of records the device no longer has. The signed message is
// kept with it: without the device's own word nobody may say later that records were lost.
func gap(head radio.JournalHead, h wire.HelloPayload, envelope []byte) (radio.JournalHead, *radio.JournalDispute) {
	if h.Oldest <= head.Upto+1 || h.Oldest > h.Head+1 {
		return head, nil
	}
	d := &radio.JournalDispute{JournalRef: head.JournalRef, Kind: radio.DisputeGap, Seq: head.Upto + 1, Last: h.Oldest - 1, Held: head.Link, Envelope: envelope}
	head.Upto, head.Link, head.Linked = h.Oldest-1, [32]byte{}, false
	return head, d
}
