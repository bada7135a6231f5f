package central

import (
	"context"
	"log/slog"

	"loaxa/internal/central/control"
	"loaxa/internal/central/dispatch"
	"loaxa/internal/central/identity"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// orders makes the room of commands.
func (c *Central) orders(keys control.Keys, out control.Publisher, away func(radio.DeviceID) bool, changed func()) *control.Desk {
	return control.New(control.Rooms{Book: c.store, Map: c.store, Keys: keys, Publisher: out, Away: away, Changed: changed}, c.now, c.log)
}

// greeter answers a hello: with the welcome and the documents, then with the commands
// that wait for the device. The welcome comes first, for it proves the time.
type greeter struct {
	*dispatch.Dispatcher
	orders *control.Desk
	log    *slog.Logger
}

// Hello answers one. Commands that cannot be sent now go out with the next round.
func (g greeter) Hello(ctx context.Context, device radio.DeviceID, h wire.HelloPayload) error {
	if err := g.Dispatcher.Hello(ctx, device, h); err != nil {
		return err
	}
	if err := g.orders.Hello(ctx, device); err != nil {
		g.log.Warn("commands wait for the device", "device", string(device), "error", err)
	}
	return nil
}

// OrderDevice orders one device by its code, as the operator of this machine; a running
// centre on the same database sends it.
func (c *Central) OrderDevice(ctx context.Context, code string, o radio.CommandOrder, operator string) (radio.CommandBatch, error) {
	d, err := c.store.DeviceByCode(ctx, code)
	if err != nil {
		return radio.CommandBatch{}, err
	}
	o.Devices = []radio.DeviceID{d.ID}
	// Who runs a command on the centre's machine may do everything.
	by := identity.Operator(operator)
	by.ID = radio.UserID(operator) // as the audit names it
	by.Grants = append(by.Grants, radio.Grant{Role: radio.RoleOperator, Area: radio.Everywhere})
	return c.orders(nil, nil, nil, nil).Issue(ctx, by, o)
}

// OrderResult tells what has come of an order.
func (c *Central) OrderResult(ctx context.Context, b radio.CommandBatch) ([]radio.CommandResult, error) {
	results, err := c.store.CommandResults(ctx, b.ID)
	for i := range results {
		results[i].State = results[i].Came(b.ExpiresAt, radio.At(c.now()))
	}
	return results, err
}
