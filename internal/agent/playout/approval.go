package playout

import (
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// unapproved says whether an airing must not sound because no approval of its audio in the
// active programme holds.
func (d *desk) unapproved(a radio.Airing) bool {
	return a.Kind == radio.KindAudio && (d.agenda.prog == nil || d.Plan.CheckApproval(d.agenda.prog, a.Bulletin, a.Version) != nil)
}

// proven is the same for what was begun, perhaps under a programme that has been replaced:
// what is approved must be the very bytes that sound.
func (d *desk) proven(l *live) error {
	audio, ok := l.prog.Find(l.Bulletin, l.Version)
	if !ok || !slices.ContainsFunc(audio.Renditions, func(r radio.Rendition) bool { return r.SHA256 == l.rendition.SHA256 }) {
		return fmt.Errorf("%w: programme %d does not hold the audio", radio.ErrForbidden, l.prog.Revision)
	}
	return d.Plan.CheckApproval(l.prog, l.Bulletin, l.Version)
}

// guardApproval ends what was begun and is not approved any more: its approver's key was
// revoked. By any clock.
func (d *desk) guardApproval(l *live) {
	if l.stopping != "" {
		return
	}
	if err := d.proven(l); err != nil {
		d.log.Warn("what sounds is not approved any more", "airing", string(l.ID), "title", l.Title, "error", err)
		d.stop(l, radio.EndUnproven)
	}
}
