package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"loaxa/internal/central"
	"loaxa/internal/radio"
)

func deviceCommand(ctx context.Context, e *env, args []string) (int, error) {
	usage := errors.New("usage: loaxa device add --code CODE [--hamlet CODE --name NAME] [--qr] | loaxa device show CODE | loaxa device list | loaxa device codes | loaxa device code CODE [--qr] | " +
		"loaxa device revoke CODE [--why TEXT] | loaxa device retire CODE [--why TEXT] | loaxa device command --code CODE --do KIND [--gain-db DB]")
	if len(args) == 0 {
		return 2, usage
	}
	args, named := deviceNamed(args)
	fs, file := e.flags("device " + args[0])
	code := fs.String("code", named, "the device's code; a new enrolment code is made for a device that exists")
	hamlet := fs.String("hamlet", "", "`code` of the hamlet, for a new device")
	name := fs.String("name", "", "name of the new device")
	rendition := fs.Int("rendition", radio.MainKbps, "64, or 32 kbit/s on a metered link")
	do := fs.String("do", "", "what to order: volume, stop, skip, pause, resume, test_tone or restart")
	gain := fs.Float64("gain-db", 0, "the volume, -40 to 0 dB on top of the policy's")
	why := fs.String("why", "", "why its identity is taken; stands in the audit")
	square := fs.Bool("qr", false, "draw the code as a QR code too")
	if err := parse(fs, args[1:]); err != nil {
		return 2, err
	}
	c, err := e.openQuiet(ctx, *file)
	if err != nil {
		return 1, err
	}
	switch {
	case args[0] == "add" && *code != "":
		err = addDevice(ctx, e, c, *code, *name, *hamlet, *rendition, *square)
	case args[0] == "show" && *code != "":
		err = showDevice(ctx, e, c, *code)
	case args[0] == "command" && *code != "" && *do != "":
		err = orderDevice(ctx, e, c, *code, radio.CommandOrder{Do: radio.CommandKind(*do), GainDB: *gain})
	case args[0] == "code" && *code != "":
		err = codeOfDevice(ctx, e, c, *code, *square)
	case (args[0] == "revoke" || args[0] == "retire") && *code != "":
		err = endDevice(ctx, e, c, *code, radio.DeviceEnd{Retire: args[0] == "retire", Why: *why})
	case args[0] == "list":
		err = listDevices(ctx, e, c)
	case args[0] == "codes":
		err = deviceCodes(ctx, e, c)
	default:
		err = usage
	}
	return 0, errors.Join(err, c.Close())
}

func addDevice(ctx context.Context, e *env, c *central.Central, code, name, hamlet string, rendition int, square bool) error {
	d, err := c.DeviceByCode(ctx, code)
	if errors.Is(err, radio.ErrNotFound) {
		if hamlet == "" || name == "" {
			return fmt.Errorf("there is no device %s yet: say --hamlet and --name to add it", code)
		}
		d, err = c.NewDevice(ctx, code, name, hamlet, rendition, actor())
	}
	if err != nil {
		return err
	}
	return newCode(ctx, e, c, d, square)
}

// showDevice prints what the centre knows of one device.
func showDevice(ctx context.Context, e *env, c *central.Central, code string) error {
	found, err := c.DeviceByCode(ctx, code)
	if err != nil {
		return err
	}
	d, err := c.ShowDevice(ctx, found.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s  %s\n%s, %s\nid %s\n", d.Place.Device.Code, d.Place.Device.Name, d.Place.Hamlet().Name, d.Place.Commune().Name, found.ID)
	if s := d.Place.Device.Setup; s != (radio.Setup{}) {
		fmt.Fprintf(e.out, "offset %d ms, stagger %d ms, stands at %s\n", s.OffsetMS, s.StaggerMS, cmp.Or(s.Position.String(), "no known place"))
	}
	showEnd(e.out, d.Place.Device)
	fmt.Fprintf(e.out, "connected %t (connection %d), last word %s\n", d.State.Alive, d.State.Connection, instant(d.State.LastSeen))
	for _, i := range d.Issued {
		fmt.Fprintf(e.out, "%s revision %d, issued %s\n", i.Document, i.Revision, instant(i.IssuedAt))
	}
	for _, m := range d.Machines {
		fmt.Fprintf(e.out, "board %s: spoke from %s to %s, came back %d times after another one\n", cmp.Or(m.Machine, "without a number"), instant(m.FirstAt), instant(m.LastAt), m.Returns)
	}
	for _, x := range d.Disputes {
		fmt.Fprintf(e.out, "journal %s: %s at record %d\n", x.Journal, x.Kind, x.Seq)
	}
	for _, x := range d.Poison {
		fmt.Fprintf(e.out, "journal %s: record %d kept apart: %s\n", x.Journal, x.Seq, x.Poison)
	}
	_, err = fmt.Fprintf(e.out, "reports: %s\n", d.State.Reported)
	return err
}

func instant(m radio.Millis) string {
	if m == 0 {
		return "never"
	}
	return zoned(m)
}

func listDevices(ctx context.Context, e *env, c *central.Central) error {
	places, err := c.Places(ctx)
	if err != nil {
		return err
	}
	states, err := c.DeviceStates(ctx)
	if err != nil {
		return err
	}
	known := map[radio.DeviceID]radio.DeviceState{}
	for _, s := range states {
		known[s.Device] = s
	}
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, p := range places {
		state := "not enrolled"
		switch {
		case p.Device.Retired != 0:
			state = "retired"
		case p.Device.Revoked != 0:
			state = "revoked"
		}
		if s := known[p.Device.ID]; p.Device.Enrolled != 0 {
			state = "offline"
			if s.Alive {
				state = "online"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.Device.Code, p.Device.Name, p.Commune().Name, p.Hamlet().Name, state)
	}
	return t.Flush()
}
