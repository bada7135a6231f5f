package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"loaxa/internal/central"
	"loaxa/internal/qr"
	"loaxa/internal/radio"
)

// deviceNamed takes the device's code from behind the subcommand, where people write it
// without --code.
func deviceNamed(args []string) (rest []string, code string) {
	if len(args) > 1 && args[1] != "" && !strings.HasPrefix(args[1], "-") {
		return append([]string{args[0]}, args[2:]...), args[1]
	}
	return args, ""
}

// codeOfDevice makes a new enrolment code for a device that exists.
func codeOfDevice(ctx context.Context, e *env, c *central.Central, code string, square bool) error {
	d, err := c.DeviceByCode(ctx, code)
	if err != nil {
		return err
	}
	return newCode(ctx, e, c, d, square)
}

func newCode(ctx context.Context, e *env, c *central.Central, d radio.Device, square bool) error {
	once, expires, err := c.EnrolCode(ctx, d.ID, actor())
	if err != nil {
		return err
	}
	ticket, err := c.EnrolTicket(ctx, once)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "device %s (%s)\nenrolment code: %s\nworks once, until %s\non the device: loaxa-agent enrol --server %s --code %s\n",
		d.Code, d.Name, once, zonedMinute(expires), ticket.Server, once)
	if !square {
		return nil
	}
	if _, err := fmt.Fprintf(e.out, "or: loaxa-agent enrol %s\n", ticket); err != nil {
		return err
	}
	if !e.onTerminal() {
		_, err = fmt.Fprintln(e.err, "the QR code is drawn on a terminal only; the text above is what it says")
		return err
	}
	drawn, err := qr.Encode(ticket.String())
	if err != nil {
		return err
	}
	_, err = io.WriteString(e.out, drawn.Terminal())
	return err
}

// endDevice takes a device's identity. The running centre cuts it off within seconds.
func endDevice(ctx context.Context, e *env, c *central.Central, code string, end radio.DeviceEnd) error {
	d, err := c.DeviceByCode(ctx, code)
	if err != nil {
		return err
	}
	end.Device, end.Actor = d.ID, actor()
	if err := c.EndDevice(ctx, end); err != nil {
		return err
	}
	what := "revoked: it is cut off now, and what it says from now on counts nothing; a new controller needs a new code (loaxa device code %s)"
	if end.Retire {
		what = "retired: nothing is planned for it any more; connected, it sends what it has recorded and is cut off after about two minutes; a new code would bring it back (loaxa device code %s)"
	}
	_, err = fmt.Fprintf(e.out, "device %s (%s) "+what+"\nif it is connected it falls silent now; away from the centre it plays on by what it holds, for 35 days at most, and what it records from now on does not get into the log\n", d.Code, d.Name, d.Code)
	return err
}

func showEnd(w io.Writer, d radio.Device) {
	if d.Revoked != 0 {
		fmt.Fprintf(w, "its identity was revoked %s\n", instant(d.Revoked))
	}
	if d.Retired != 0 {
		fmt.Fprintf(w, "retired %s\n", instant(d.Retired))
	}
}
