package output

import (
	"context"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// paced is a device made of nothing but a clock and a ring.
type paced struct {
	name, device string
	ring         time.Duration
	mono         func() time.Duration

	mu      sync.Mutex
	open    bool
	begun   bool
	origin  time.Duration // Mono at which sample 0 sounded, had the stream never starved
	written int64
	starved int
	closing bool
}

func newPaced(name, device string, ring time.Duration, mono func() time.Duration) *paced {
	return &paced{name: name, device: device, ring: ring, mono: mono}
}

func (p *paced) Open(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = true
	return nil
}

func (p *paced) Info() Info {
	return Info{Driver: p.name, Device: p.device, Proof: ProofPaced, Ring: p.ring}
}

// progress at this moment; the caller holds mu. A starved device stands still: its
// origin moves, as it does in a real one.
func (p *paced) progress() Progress {
	now := p.mono()
	if !p.begun {
		return Progress{At: now}
	}
	played := radio.DurationSamples(now - p.origin)
	if played > p.written {
		p.origin = now - radio.SamplesDuration(p.written)
		played = p.written
		if !p.closing {
			p.starved++
		}
	}
	return Progress{At: now, Consumed: played, Starved: p.starved}
}

func (p *paced) Progress() (Progress, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.progress(), nil
}

func (p *paced) Write(ctx context.Context, pcm []int16) error {
	for len(pcm) > 0 {
		n, wait, err := p.put(len(pcm))
		if err != nil {
			return err
		}
		pcm = pcm[n:]
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// put takes as much of n as the ring has room for and says how long to wait for the rest.
func (p *paced) put(n int) (int, time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open {
		return 0, 0, errClosed
	}
	if !p.begun {
		p.begun, p.origin = true, p.mono()
	}
	room := radio.DurationSamples(p.ring) - (p.written - p.progress().Consumed)
	take := max(min(int64(n), room), 0)
	p.written += take
	rest := int64(n) - take
	return int(take), radio.SamplesDuration(min(rest, radio.DurationSamples(p.ring)/2)), nil
}

func (p *paced) Close(ctx context.Context) error {
	for {
		p.mu.Lock()
		p.closing = true
		left := p.written - p.progress().Consumed
		if left == 0 {
			p.open = false
		}
		p.mu.Unlock()
		if left == 0 {
			return nil
		}
		// One sample more, so that rounding cannot make this spin.
		if err := sleep(ctx, radio.SamplesDuration(left+1)); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
