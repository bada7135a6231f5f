package ingest

import (
	"context"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

const (
	// keyLife bounds how long a key is believed without asking again; Forget is for
	// what is known at once.
	keyLife = 10 * time.Minute
	// keyFresh: a key asked for so lately is not asked for again because of a bad
	// signature, or a flood of forgeries would become a flood of questions.
	keyFresh = 30 * time.Second
	maxKeys  = 50_000
)

// keyCache holds the keys of known devices; strangers are not remembered.
type keyCache struct {
	devices Devices
	now     func() time.Time
	mu      sync.Mutex
	held    map[radio.DeviceID]cachedKey
}

type cachedKey struct {
	key trust.PublicKey
	at  time.Time
}

// get gives the key and whether it was asked for just now.
func (c *keyCache) get(ctx context.Context, device radio.DeviceID) (trust.PublicKey, bool, error) {
	c.mu.Lock()
	k, ok := c.held[device]
	c.mu.Unlock()
	age := c.now().Sub(k.at)
	if ok && age >= 0 && age < keyLife {
		return k.key, age < keyFresh, nil
	}
	key, err := c.renew(ctx, device)
	return key, true, err
}

func (c *keyCache) renew(ctx context.Context, device radio.DeviceID) (trust.PublicKey, error) {
	key, err := c.devices.Key(ctx, device)
	if err != nil {
		c.forget(device)
		return trust.PublicKey{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) >= maxKeys {
		clear(c.held)
	}
	c.held[device] = cachedKey{key: key, at: c.now()}
	return key, nil
}

func (c *keyCache) forget(device radio.DeviceID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, device)
}
