package central

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/central/store"
	"loaxa/internal/central/verify"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// MonthsConfig is how months of the log are closed and kept.
type MonthsConfig struct {
	// CloseOn is the day of the following month on which a month closes by itself; 0: only
	// when a person closes it.
	CloseOn int `yaml:"close_on"`
	// Keep is for how many months rows and raw records stay in the database after theirs;
	// then they move to the archive folder. 0 keeps them for ever.
	Keep int `yaml:"keep"`
}

// keeper signs checkpoints and closes months.
func (c *Central) keeper(keys *identity.Keys, ca *identity.CA, zone *time.Location) (*verify.Keeper, *verify.Closer) {
	k := verify.NewKeeper(c.log.With("component", "verify"), c.store, keys, trust.Fingerprint(ca.Certificate()), zone, c.now)
	closer := k.CloseMonths(c.store, c.cfg.Months.CloseOn)
	k.SettleDays(c.store)
	k.ArchiveMonths(c.store, c.cfg.dir("archive"), c.cfg.Months.Keep, func(ctx context.Context) (verify.Source, verify.Options, error) {
		e, err := c.Evidence(ctx)
		if err != nil {
			return verify.Source{}, verify.Options{}, err
		}
		return e.source, verify.Options{Root: e.Root, CA: e.CA}, nil
	})
	return k, closer
}

// Evidence is what the log can be checked with, from this centre's own folder and database.
type Evidence struct {
	source verify.Source
	// Root and CA are the thumbprint of the first root and the fingerprint of the devices'
	// authority, as this centre has them.
	Root, CA string
	zone     *time.Location
}

// Evidence reads the keys' public halves beside the database.
func (c *Central) Evidence(ctx context.Context) (*Evidence, error) {
	province, err := c.province(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := identity.OpenKeys(c.cfg.dir("keys"), province.ID)
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(c.cfg.dir("ca"), identity.CAFile))
	if err != nil {
		return nil, fmt.Errorf("read the devices' authority: %w", err)
	}
	return c.evidence(ctx, province, keys, string(ca))
}

func (c *Central) evidence(ctx context.Context, province radio.Area, keys *identity.Keys, ca string) (*Evidence, error) {
	zone, err := time.LoadLocation(province.Zone)
	if err != nil {
		return nil, err
	}
	print, err := verify.Fingerprint(ca)
	if err != nil {
		return nil, fmt.Errorf("the devices' authority: %w", err)
	}
	envelope, _ := keys.Keyring()
	e := &Evidence{zone: zone, Root: keys.FirstRoot().Key.KID, CA: print,
		source: verify.Source{Store: c.store, Province: province, Root: keys.FirstRoot().Key, Keyring: envelope, CA: ca, Names: map[radio.DeviceID]radio.Device{}}}
	if steps := keys.Roots(); steps != nil {
		if e.source.Steps, err = wire.ParseRoots(steps); err != nil {
			return nil, err
		}
	}
	places, err := c.store.Places(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		e.source.Names[p.Device.ID] = p.Device
	}
	return e, nil
}

// Verify checks what the database holds, of some devices or (nil) of all, where the sums
// are counted anew, too.
func (c *Central) Verify(ctx context.Context, e *Evidence, devices []radio.DeviceID, opts verify.Options) (verify.Report, error) {
	choice := verify.Choice{Devices: devices, MadeAt: radio.At(c.now())}
	rep, err := verify.Bundle(func(take func(verify.Item) error) error { return e.source.Walk(ctx, choice, take) }, opts)
	if err != nil || devices != nil {
		return rep, err
	}
	beside, err := e.source.Columns(ctx, c.store)
	if err != nil {
		return rep, err
	}
	marked, err := e.source.Audited(ctx, c.auditHashes)
	if err != nil {
		return rep, err
	}
	rep.Add(append(beside, marked...)...)
	drift, err := c.store.RollupDrift(ctx)
	if drift > 0 {
		rep.Bad++
		rep.Findings = append(rep.Findings, verify.Finding{Kind: verify.LogRow, Text: fmt.Sprintf("%d of the sums that reports show are not those of the rows", drift)})
	}
	return rep, err
}

// WriteBundle writes what an auditor checks without this centre.
func (c *Central) WriteBundle(ctx context.Context, e *Evidence, choice verify.Choice, w io.Writer) error {
	choice.MadeAt = radio.At(c.now())
	choice, err := choice.Days(e.zone)
	if err != nil {
		return err
	}
	out := verify.NewWriter(w)
	if err := e.source.Walk(ctx, choice, out.Take); err != nil {
		return err
	}
	return out.Close()
}

// SaveBundle writes a bundle to a new file, which is there whole or not at all.
func (c *Central) SaveBundle(ctx context.Context, e *Evidence, choice verify.Choice, path string) (err error) {
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%w: %s exists already", radio.ErrConflict, path)
	}
	f, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write a bundle: %w", err)
	}
	err = c.WriteBundle(ctx, e, choice, f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// auditHashes walks the audit's chain from its first entry on, past what checkpoints say of it.
func (c *Central) auditHashes(ctx context.Context, heads []radio.AuditHead) error {
	chain := &radio.AuditChain{}
	for _, h := range heads {
		chain.Expect(h)
	}
	return c.store.ReadAudit(ctx, func(r *store.AuditReading) error {
		if err := r.Walk(ctx, radio.AuditFilter{}, chain.Add); err != nil {
			return err
		}
		return chain.End()
	})
}
