package central

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/central/identity"
	"loaxa/internal/central/web"
	"loaxa/internal/radio"
)

// firstZone shows times before there is a province.
const firstZone = "Asia/Ho_Chi_Minh"

// FirstRun serves one page on an empty centre, until its first administrator is made there
// or by `loaxa user add`. tell gets the address, which works once and is told to nobody
// else. It returns at once when somebody exists.
func (c *Central) FirstRun(ctx context.Context, tell func(link string, until radio.Millis)) (err error) {
	nobody, err := c.store.Nobody(ctx)
	if err != nil || !nobody {
		return err
	}
	lock, err := lockData(c.cfg.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	first, code, err := identity.NewFirstRun(c.people, c.store)
	if err != nil {
		return err
	}
	proxies, err := c.cfg.People.proxies()
	if err != nil {
		return err
	}
	log := c.log.With("component", "web")
	site, err := web.NewFirstRun(web.FirstDeps{First: first, Zone: firstZone, Now: c.now, Proxies: proxies,
		Secure: c.cfg.People.secure(), Logger: log})
	if err != nil {
		return err
	}
	s := &http.Server{Handler: c.cfg.People.behind(site, proxies), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10}
	var plain http.Handler
	if s.TLSConfig, plain, err = c.peopleTLS(); err != nil {
		return err
	}
	tell(c.cfg.People.link("/setup/"+code), radio.At(c.now().Add(identity.FirstCodeLife)))
	g, ctx := errgroup.WithContext(ctx)
	serving, stop := context.WithCancel(ctx)
	g.Go(func() error { return c.serveConsole(serving, s, plain) })
	g.Go(func() error {
		defer stop()
		return c.awaitFirst(ctx, first)
	})
	return g.Wait()
}

// awaitFirst returns when somebody exists.
func (c *Central) awaitFirst(ctx context.Context, first *identity.FirstRun) error {
	tick := time.NewTicker(changePoll)
	defer tick.Stop()
	for {
		nobody, err := c.store.Nobody(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case !nobody:
			return nil
		case first.Ended():
			return fmt.Errorf("%w: nobody has used the set-up address within %s: start again for another one", radio.ErrUnavailable, identity.FirstCodeLife)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
