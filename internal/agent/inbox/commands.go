package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// Commands is the room that carries out commands.
type Commands interface {
	// Take takes a proven command; one that is known changes nothing.
	Take(ctx context.Context, c radio.Command) error
	// TurnAway tells why a proven one is not carried out.
	TurnAway(ctx context.Context, id radio.CommandID, why radio.Reason)
}

// takeCommand proves a command by an online key, for this device, and hands it on.
// Whether it has expired is the taker's to judge: it knows what time is proven.
func (in *Inbox) takeCommand(ctx context.Context, data []byte) error {
	if in.opts.Commands == nil {
		return in.refuse(ctx, string(wire.Command), fmt.Errorf("%w: this device takes no commands", radio.ErrInvalid))
	}
	payload, ring, err := in.open(wire.Command, data)
	var c radio.Command
	if err == nil {
		if err = json.Unmarshal(payload, &c); err != nil {
			err = fmt.Errorf("%w: command: %v", radio.ErrInvalid, err)
		}
	}
	if err == nil && c.Device != in.opts.Device {
		err = fmt.Errorf("%w: command for device %.32q", radio.ErrForbidden, string(c.Device))
	}
	var kid string
	if err == nil {
		kid, err = signer(wire.Command, data)
	}
	if err == nil {
		err = issuedInTime(ring, in.Areas(), wire.Command, data, c.IssuedAt)
	}
	if err != nil {
		return in.refuse(ctx, string(wire.Command), err)
	}
	if err := c.Check(); err != nil {
		err, noted := in.note(ctx, string(wire.Command), unproven, err)
		if noted && radio.ValidID(c.ID) {
			in.opts.Commands.TurnAway(ctx, c.ID, radio.ReasonRange)
		}
		return err
	}
	in.heard(c.IssuedAt, kid)
	err = in.opts.Commands.Take(ctx, c)
	if errors.Is(err, radio.ErrInvalid) || errors.Is(err, radio.ErrConflict) {
		// Proven, and said before: a queue kept it long, or somebody repeats it.
		err, _ = in.note(ctx, string(wire.Command), stale, err)
	}
	return err
}
