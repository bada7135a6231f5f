package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"loaxa/internal/central"
	"loaxa/internal/trust"
)

// signKeyring has the root sign. Where that would certify keys again that may have been
// revoked, somebody looks at the list first.
func (e *env) signKeyring(ctx context.Context, c *central.Central, root trust.Key, ends trust.Endpoints, yes bool) error {
	plan, err := c.PlanSign(ctx)
	if err != nil {
		return err
	}
	if !plan.Asks() {
		return c.MakeKeys(ctx, root, ends)
	}
	if err := c.CheckRoot(ctx, root); err != nil && !plan.Lost { // before anybody reads a list
		return err
	}
	if err := tellPlan(e.out, plan); err != nil {
		return err
	}
	if !yes {
		if err := e.confirm("Khóa gốc chứng thực các khóa này? / shall the root certify these keys? [yes/no] "); err != nil {
			return err
		}
	}
	return c.MakeKeysAgain(ctx, root, ends, plan)
}

func tellPlan(w io.Writer, p central.SignPlan) error {
	if p.Lost {
		fmt.Fprintln(w, "The keyring is lost. It is made again from what the database knows: a revocation that the database does not know is lost.")
	} else {
		fmt.Fprintf(w, "The keyring comes from the backup of %s. Revocations since then are lost: a key revoked since counts again at this centre and for devices\n"+
			"that have not seen the revocation (those that have keep to it).\n", zoned(p.MadeAt))
	}
	fmt.Fprintf(w, "The root certifies %d keys of persons; %d keys stay revoked:\n", len(p.Persons), p.Revoked)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range p.Persons {
		kind, since, end := "password", "not in the database", "no end"
		if k.JWK.IsPasskey() {
			kind = "passkey"
		}
		if k.CreatedAt != 0 {
			since = "since " + zoned(k.CreatedAt)
		}
		if k.NotAfter != 0 {
			end = "until " + zoned(k.NotAfter)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.Login, k.Area, strings.Join(k.May, ","), k.JWK.KID, kind, since, end)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, o := range p.Online {
		fmt.Fprintf(w, "  online key %s until %s\n", o.JWK.KID, zoned(o.NotAfter))
	}
	_, err := fmt.Fprintln(w, "Does one of them no longer count? Confirm, and before `loaxa serve`: loaxa key person revoke --root FILE --user LOGIN --key KID;\n"+
		"for an online key that was revoked: loaxa key online --root FILE --stolen")
	return err
}

// confirm asks a person at the terminal.
func (e *env) confirm(question string) error {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return errors.New("no terminal to ask for a yes: look at the list above, and say --yes")
	}
	fmt.Fprint(e.err, question)
	line, err := bufio.NewReader(io.LimitReader(e.in, 64)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != "yes" {
		return errors.New("nothing is signed")
	}
	return nil
}
