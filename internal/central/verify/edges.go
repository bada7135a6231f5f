package verify

import (
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// A bundle of some devices or days cannot be counted as a whole. Each device stands between
// its neighbours in the tree of one checkpoint, whose leaves are sorted: what the checkpoint
// holds of the device must be told between them, every journal up to its end then.

// thinned is how far back the last checkpoint that still says of single journals may lie: of
// old months only the last one of each does (Store.ThinCheckpoints).
const thinned = 33 * 24 * time.Hour

// marksAt says whether the head's checkpoint is the one at which the journals' ends must be
// told.
func (v *Verifier) marksAt() {
	c, h := &v.marks, v.head
	newest, any := c.newest()
	at, ok := c.find(h.Checkpoint)
	v.rep.Proven, v.rep.ProvenAt = at.number, at.at
	switch {
	case !any && h.Checkpoint == 0:
	case !ok && h.Checkpoint != 0:
		v.rep.bad(Finding{Kind: Missing, Text: fmt.Sprintf("checkpoint %d, at which the ends of the journals are to be told, is not here", h.Checkpoint)})
	case h.To == "" && at.number != newest.number:
		v.rep.bad(Finding{Kind: Missing, At: newest.at, Text: fmt.Sprintf("the ends of the journals are told at checkpoint %d; the newest is %d", at.number, newest.number)})
	case h.To != "":
		for _, one := range c.list {
			// By any zone's clock before its last day has ended.
			if radio.DateOf(one.at.Time()) < h.To && one.at > at.at.Add(thinned) {
				v.rep.bad(Finding{Kind: Missing, At: one.at, Text: fmt.Sprintf("the ends of the journals are told at checkpoint %d, long before its last day (%s)", at.number, clip(string(h.To)))})
				return
			}
		}
	}
}

// edges finds where in the tree the device's journals must stand.
func (w *deviceWalk) edges() {
	c := &w.v.marks
	at, ok := c.find(w.v.head.Checkpoint)
	if !ok {
		return // which is named, or there is none yet
	}
	w.place, w.until = 0, at.size
	for _, m := range []*Mark{w.dev.Before, w.dev.After} {
		if m == nil {
			continue
		}
		_, err := c.prove(m)
		before := m == w.dev.Before
		if err == nil && (m.Number != at.number || before != (m.Leaf.Device < w.dev.ID) || m.Leaf.Device == w.dev.ID) {
			err = fmt.Errorf("%w: it does not stand beside the device", radio.ErrInvalid)
		}
		if err != nil {
			w.bad(Finding{Kind: Signed, At: at.at, Text: "beside the device in a checkpoint: " + err.Error()})
			w.until = -1
			return
		}
		if before {
			w.place = m.Place + 1
		} else {
			w.until = m.Place
		}
	}
	w.first = w.place
}

// counted takes a mark of the head's checkpoint; they come in the order of the tree.
func (w *deviceWalk) counted(m *Mark) {
	if m.Place == w.place {
		w.place++
	}
}

// finishEdges names journals that the checkpoint holds and the bundle does not.
func (w *deviceWalk) finishEdges() {
	if at, ok := w.v.marks.find(w.v.head.Checkpoint); ok && w.until >= 0 && w.place != w.until {
		w.bad(Finding{Kind: Missing, At: at.at, Text: fmt.Sprintf("checkpoint %d holds %d journals of the device; the ends of %d of them are told here", at.number, w.until-w.first, w.place-w.first)})
	}
}
