package central

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"loaxa/internal/central/identity"
	"loaxa/internal/radio"
)

// province is the one province this centre serves.
func (c *Central) province(ctx context.Context) (radio.Area, error) {
	areas, err := c.store.Areas(ctx)
	if err != nil {
		return radio.Area{}, err
	}
	var found []radio.Area
	for _, a := range areas {
		if a.Kind == radio.Province {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return radio.Area{}, fmt.Errorf("%w: no province yet: lay one down with `loaxa import --author LOGIN --approver LOGIN FOLDER` (FOLDER: areas, devices, bulletins and schedules; examples in schedules/), then `loaxa key root --out root.jwk` and `loaxa key sign`", radio.ErrNotFound)
	}
	return radio.Area{}, fmt.Errorf("%w: %d provinces in one database; one centre serves one province", radio.ErrConflict, len(found))
}

// openCA reads the province's CA, or makes it for a province without enrolled devices:
// a new one in place of a lost one would cut off every device there is.
func (c *Central) openCA(ctx context.Context, province radio.Area) (*identity.CA, error) {
	dir := c.cfg.dir("ca")
	_, err := os.Stat(filepath.Join(dir, identity.CAFile))
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		devices, err := c.store.Devices(ctx)
		if err != nil {
			return nil, err
		}
		for _, d := range devices {
			if d.Enrolled != 0 || d.Revoked != 0 {
				return nil, fmt.Errorf("%w: %s is missing, yet device %s was enrolled under it: restore the folder from a backup", radio.ErrNotFound, dir, d.Code)
			}
		}
	}
	if !fresh {
		return identity.OpenCA(dir, province.Name, c.now)
	}
	var ca *identity.CA
	err = c.store.Witness(ctx, "key.ca", auditOfKeys, radio.At(c.now()), func() (f radio.AuditFacts, err error) {
		ca, err = identity.OpenCA(dir, province.Name, c.now)
		return f, err
	})
	return ca, err
}
