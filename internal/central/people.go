package central

import (
	"context"
	"slices"

	"loaxa/internal/central/identity"
	"loaxa/internal/radio"
)

// Who runs a command on the centre's machine administers the whole province; operator
// is the name under which the audit keeps it.

// Invite makes an account without a password; link is where its person sets one, until
// the instant given.
func (c *Central) Invite(ctx context.Context, login string, p radio.Profile, grants []radio.Grant, operator string) (link string, until radio.Millis, err error) {
	_, pass, err := c.people.Invite(ctx, identity.Operator(operator), login, p, grants)
	return c.inviteLink(pass.Code), pass.ExpiresAt, err
}

// ResetPassword takes a person's password away, ends sessions and tokens, and gives the
// link for a new one.
func (c *Central) ResetPassword(ctx context.Context, login, operator string) (link string, until radio.Millis, err error) {
	a, err := c.store.PersonByLogin(ctx, login)
	if err != nil {
		return "", 0, err
	}
	_, pass, err := c.people.Reset(ctx, identity.Operator(operator), a.ID)
	return c.inviteLink(pass.Code), pass.ExpiresAt, err
}

func (c *Central) inviteLink(code string) string { return c.cfg.People.link("/invite/" + code) }

// ChangeGrants gives a person roles and takes others away.
func (c *Central) ChangeGrants(ctx context.Context, login string, give, take []radio.Grant, operator string) ([]radio.Grant, error) {
	a, err := c.store.PersonByLogin(ctx, login)
	if err != nil {
		return nil, err
	}
	var grants []radio.Grant
	for _, g := range append(a.Grants, give...) {
		if !slices.Contains(take, g) && !slices.Contains(grants, g) {
			grants = append(grants, g)
		}
	}
	return grants, c.people.SetGrants(ctx, identity.Operator(operator), a.ID, grants)
}

// SetDisabled shuts a person's account, or opens it again.
func (c *Central) SetDisabled(ctx context.Context, login string, disabled bool, operator string) error {
	a, err := c.store.PersonByLogin(ctx, login)
	if err != nil {
		return err
	}
	if disabled {
		return c.people.Disable(ctx, identity.Operator(operator), a.ID)
	}
	return c.people.Enable(ctx, identity.Operator(operator), a.ID)
}

// Areas lists the area tree.
func (c *Central) Areas(ctx context.Context) ([]radio.Area, error) { return c.store.Areas(ctx) }
