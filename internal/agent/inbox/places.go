package inbox

import (
	"context"
	"fmt"
	"slices"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// Areas is the device's place, the province first: as the settings say, else as it was
// enrolled. A commune that was merged stands behind the one that took it, so that what was
// signed for it goes on to count here. The province is never another than the enrolled one:
// the settings are signed by an online key, the province stands in the root-signed keyring.
func (in *Inbox) Areas() []radio.AreaID {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.areas()
}

// areas needs mu; the answer must not be changed.
func (in *Inbox) areas() []radio.AreaID {
	if len(in.placed) > 0 {
		return in.placed
	}
	return in.opts.Areas
}

// place takes the chain of the settings; it needs mu.
func (in *Inbox) place(s radio.Settings) {
	in.placed, in.former = s.Chain(), nil
	for i, a := range s.Areas {
		if i > 1 && a.Kind == radio.Commune {
			in.former = append(in.former, a.ID)
		}
	}
}

// enough says whether these keys are enough for an alert to an area of this device's place.
func (in *Inbox) enough(ring trust.Keyring, kids []string, area radio.AreaID) error {
	in.mu.Lock()
	chain, former := in.areas(), in.former
	in.mu.Unlock()
	return ring.EnoughForAlert(kids, chain[:slices.Index(chain, area)+1], former...)
}

// checkPlace refuses settings that put the device into another province.
func (in *Inbox) checkPlace(s radio.Settings) error {
	if len(s.Areas) > 0 && s.Areas[0].ID != in.opts.Province {
		return fmt.Errorf("%w: settings for a place in another province, %s", radio.ErrForbidden, s.Areas[0].ID)
	}
	return nil
}

// moved looks anew at what was signed for a place, after the settings have told of another.
func (in *Inbox) moved(ctx context.Context, was []radio.AreaID) {
	now := in.Areas()
	if slices.Equal(was, now) {
		return
	}
	in.log.Warn("this device is in another area now", "security", true, "was", was, "areas", now)
	in.verdicts.forget()
	in.proveAlerts(ctx, false)
	in.retryAlerts(ctx)
	in.judgeAnew(ctx)
}

// forget drops what was proven of approvals.
func (v *verdicts) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.of)
}
