package verify

import (
	"encoding/json"
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// checkpoints is the chain of what the centre has countersigned.
type checkpoints struct {
	list   []checkpoint
	last   trust.Hash // digest of the last payload
	good   uint64     // up to here an unrevoked key stands for the chain
	broken bool
	// marked counts the journals whose end the head's one has told.
	marked int
}

type checkpoint struct {
	number uint64
	at     radio.Millis
	size   int
	tree   trust.Hash
	digest trust.Hash
	kid    string
	audit  wire.AuditMark
	// keyring is the version that was in force.
	keyring int64
}

// maxCheckpoints bounds them: one a day for 250 years.
const maxCheckpoints = 100_000

func (c *checkpoints) any() bool { return len(c.list) > 0 }

// find gives a checkpoint by its number; they stand without gaps.
func (c *checkpoints) find(number uint64) (checkpoint, bool) {
	if len(c.list) == 0 || number < c.list[0].number || number > c.list[len(c.list)-1].number {
		return checkpoint{}, false
	}
	return c.list[number-c.list[0].number], true
}

// newest is the last one of the chain.
func (c *checkpoints) newest() (checkpoint, bool) {
	if len(c.list) == 0 {
		return checkpoint{}, false
	}
	return c.list[len(c.list)-1], true
}

// checkpoint takes the next of the chain. After one that does not hold, the chain ends:
// what follows proves nothing that is not in it.
func (v *Verifier) checkpoint(envelope []byte) {
	c := &v.marks
	v.rep.Checkpoints++
	if c.broken {
		return
	}
	one, payload, err := v.readCheckpoint(envelope)
	if n, any := c.newest(); err == nil && any {
		switch {
		case one.number != n.number+1:
			err = fmt.Errorf("%w: checkpoint %d follows %d", radio.ErrConflict, one.number, n.number)
		case payload.Prev != c.last:
			err = fmt.Errorf("%w: checkpoint %d does not follow from the one before it", radio.ErrConflict, one.number)
		case one.at < n.at:
			err = fmt.Errorf("%w: checkpoint %d is older than the one before it", radio.ErrConflict, one.number)
		}
	}
	if err == nil && len(c.list) == 0 && (one.number != 1 || payload.Prev != trust.Hash{}) {
		err = fmt.Errorf("%w: checkpoint %d as the first", radio.ErrConflict, one.number)
	}
	if err == nil && len(c.list) >= maxCheckpoints {
		err = fmt.Errorf("%w: more than %d checkpoints", radio.ErrInvalid, maxCheckpoints)
	}
	if err != nil {
		c.broken = true
		v.rep.bad(Finding{Kind: Signed, Text: fmt.Sprintf("the %d. checkpoint: %v", v.rep.Checkpoints, err)})
		return
	}
	c.list, c.last = append(c.list, one), one.digest
	v.month.name(one, payload.Closed)
	if !v.auth.revoked(one.kid) {
		c.good = one.number
		if payload.CA == trust.Fingerprint(v.auth.ca) {
			v.auth.vouched = true
		}
	}
}

func (v *Verifier) readCheckpoint(envelope []byte) (checkpoint, wire.CheckpointPayload, error) {
	var p wire.CheckpointPayload
	payload, kid, err := v.auth.online(wire.Checkpoint, envelope)
	if err == nil {
		err = json.Unmarshal(payload, &p)
	}
	if err != nil {
		return checkpoint{}, p, err
	}
	one := checkpoint{number: p.Number, at: p.At, size: p.Size, tree: p.Tree, digest: wire.Digest(payload), kid: kid, audit: p.Audit, keyring: p.Keyring}
	switch {
	case p.Province != v.auth.province || p.Number == 0 || p.Number > 1<<62 || p.Size < 0:
		err = fmt.Errorf("%w: what it says", radio.ErrInvalid)
	case v.auth.ended(kid, p.At):
		err = fmt.Errorf("%w: the time of key %s had ended at %s", radio.ErrForbidden, kid, p.At.Time())
	}
	return one, p, err
}

// prove says whether a checkpoint holds a mark, and gives the checkpoint.
func (c *checkpoints) prove(m *Mark) (checkpoint, error) {
	one, ok := c.find(m.Number)
	if !ok {
		return one, fmt.Errorf("%w: there is no checkpoint %d", radio.ErrNotFound, m.Number)
	}
	b, err := m.Leaf.Bytes()
	if err != nil {
		return one, err
	}
	root, err := trust.TreeRoot(b, m.Place, one.size, m.Path)
	if err == nil && root != one.tree {
		err = fmt.Errorf("%w: checkpoint %d does not hold it", radio.ErrForbidden, m.Number)
	}
	if err == nil && one.number > c.good {
		err = fmt.Errorf("%w: checkpoint %d was signed by a key that was revoked, and none after it by another", radio.ErrForbidden, m.Number)
	}
	return one, err
}

// finish names what the chain as a whole lacks.
func (c *checkpoints) finish(v *Verifier, whole bool) {
	n, any := c.newest()
	if any {
		v.rep.Newest, v.rep.At, v.rep.Digest = n.number, n.at, n.digest
		for _, one := range c.list {
			if one.keyring > v.auth.newest().Version {
				v.rep.bad(Finding{Kind: Keys, At: one.at, Text: fmt.Sprintf("keyring %d was in force at checkpoint %d, and is not here (the newest is %d): what it revokes is not known", one.keyring, one.number, v.auth.newest().Version)})
				break
			}
		}
		if n.number > c.good {
			v.rep.bad(Finding{Kind: Signed, At: n.at, Text: fmt.Sprintf("the checkpoints after %d were signed by a key that was revoked: nobody knows by whom", c.good)})
		}
	}
	if at, ok := c.find(v.head.Checkpoint); ok && whole && v.head.Whole && c.marked < at.size {
		v.rep.bad(Finding{Kind: Missing, At: at.at, Text: fmt.Sprintf("checkpoint %d holds %d journals, %d of them are not here", at.number, at.size, at.size-c.marked)})
	}
	if h := v.opts.Held; h != nil {
		one, ok := c.find(h.Number)
		switch {
		case !ok:
			v.rep.bad(Finding{Kind: Missing, Text: fmt.Sprintf("checkpoint %d, which somebody has kept, is not here (the newest is %d): the log was cut, or set back to an older copy", h.Number, n.number)})
		case one.digest != h.Digest:
			v.rep.bad(Finding{Kind: Rewritten, At: one.at, Text: fmt.Sprintf("checkpoint %d is not the one that was kept: it has digest %s", h.Number, one.digest)})
		}
	}
}
