package inbox

import (
	"context"
	"fmt"
	"sync"

	"loaxa/internal/radio"
)

// FaultApproval: audio of the programme is refused, because no approval of it holds.
const FaultApproval = "approval"

// maxJudged bounds the programmes of which verdicts are kept: the active one, and those
// that what still sounds was taken from.
const maxJudged = 4

// bulletinVersion names one audio of a programme.
type bulletinVersion struct {
	bulletin radio.BulletinID
	number   int
}

// verdicts are what one keyring proves of approvals. A signature is checked once for each
// keyring and programme, not at every look of playout and fetch.
type verdicts struct {
	mu   sync.Mutex // taken before the inbox's
	ring int64      // version of the keyring
	of   map[*radio.Programme]map[bulletinVersion]error
}

// CheckApproval proves by the keyring of now that a person has approved this audio of a
// programme for this device's place; the error says why it must not sound. It is asked
// again after every Changed: a new keyring may know more persons, or fewer.
func (in *Inbox) CheckApproval(p *radio.Programme, b radio.BulletinID, number int) error {
	v := &in.verdicts
	v.mu.Lock()
	defer v.mu.Unlock()
	in.mu.Lock()
	ring := in.ring
	in.mu.Unlock()
	if v.of == nil || v.ring != ring.Version {
		v.ring, v.of = ring.Version, map[*radio.Programme]map[bulletinVersion]error{}
	}
	known, ok := v.of[p]
	if !ok {
		if len(v.of) >= maxJudged {
			clear(v.of)
		}
		known = map[bulletinVersion]error{}
		v.of[p] = known
	}
	which := bulletinVersion{b, number}
	if err, ok := known[which]; ok {
		return err
	}
	a, ok := p.Find(b, number)
	if !ok {
		return fmt.Errorf("%w: bulletin %.26q version %d is not in programme %d", radio.ErrNotFound, string(b), number, p.Revision)
	}
	signed, ok := p.Approval(a)
	err := fmt.Errorf("%w: nobody has approved it", radio.ErrForbidden)
	if ok {
		_, err = ring.CheckApproval(a, signed, in.Areas())
	}
	known[which] = err
	return err
}

// judge looks at every audio of the active programme, before playout and fetch have to,
// and opens or closes the fault that tells of what is refused. Where nothing sounds nobody
// is told, and nobody has to know (tools, a fleet).
func (in *Inbox) judge(ctx context.Context) (refused string) {
	p, ok := in.Programme()
	if !ok || in.opts.Faults == nil {
		return ""
	}
	count := 0
	for _, a := range p.Audio {
		err := in.CheckApproval(p, a.Bulletin, a.Version)
		if err == nil {
			continue
		}
		if count++; count == 1 {
			refused = fmt.Sprintf("“%.60s” (bulletin %s version %d): %v", a.Title, a.Bulletin, a.Version, err)
		}
	}
	if count > 1 {
		refused = fmt.Sprintf("%d of %d audio of programme %d, the first: %s", count, len(p.Audio), p.Revision, refused)
	}
	if count > 0 {
		in.opts.Faults.Raise(ctx, FaultApproval, refused)
	} else {
		in.opts.Faults.Clear(ctx, FaultApproval)
	}
	return refused
}

// judgeAnew is judge after a document has changed: what is refused is also a security
// record.
func (in *Inbox) judgeAnew(ctx context.Context) {
	if refused := in.judge(ctx); refused != "" {
		in.note(ctx, "approval", harmless, fmt.Errorf("%w: %s", radio.ErrForbidden, refused))
	}
}
