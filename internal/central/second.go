package central

import (
	"context"
	"fmt"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// ResetSecond takes a person's second factor away on the word of the root key, where no two
// administrators are left who could. The person's sessions end.
func (c *Central) ResetSecond(ctx context.Context, root trust.Key, login, operator string) error {
	province, err := c.province(ctx)
	if err != nil {
		return err
	}
	if err := identity.IsRoot(c.cfg.dir("keys"), root, province.ID); err != nil {
		return err
	}
	return c.people.ResetSecondByRoot(ctx, login, operator)
}

// CountSecond makes a person's first second factor count at once, for what takes a code.
func (c *Central) CountSecond(ctx context.Context, login, operator string) error {
	return c.people.CountSecondByOperator(ctx, login, operator)
}

// SetUpSecond gives a person a second factor in their place, for demonstrations: it is the
// authenticator, too. The secret makes codes (SecondCode).
func (c *Central) SetUpSecond(ctx context.Context, login, password string) (secret string, err error) {
	a, err := c.store.PersonByLogin(ctx, login)
	if err != nil {
		return "", err
	}
	by := radio.Person{ID: a.ID, Login: a.Login, Name: a.Name, Grants: a.Grants}
	fresh, err := c.people.BeginSecond(ctx, by, radio.Proof{Password: password})
	if err != nil {
		return "", fmt.Errorf("second factor of %s: %w", login, err)
	}
	code, err := SecondCode(fresh.Secret, c.now())
	if err != nil {
		return "", err
	}
	if _, err := c.people.ConfirmSecond(ctx, by, code); err != nil {
		return "", fmt.Errorf("second factor of %s: %w", login, err)
	}
	return fresh.Secret, nil
}

// SecondCode is what an authenticator with that secret shows.
func SecondCode(secret string, at time.Time) (string, error) { return identity.CodeAt(secret, at) }

// SecondStep is how long an authenticator shows one code.
const SecondStep = identity.SecondStep
