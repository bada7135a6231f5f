package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// Transport reaches several media hosts, each under its own name, with the TLS
// settings asked for at every connection: trust.ClientTLS.
func Transport(settings func(host string) *tls.Config) *http.Transport {
	return &http.Transport{
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 15 * time.Second}, Config: settings(host)}
			return d.DialContext(ctx, network, addr)
		},
		// Only TLS leaves the device.
		DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
			return nil, fmt.Errorf("%w: media host %s without TLS", radio.ErrForbidden, addr)
		},
		MaxConnsPerHost: 1, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
	}
}

// attempt fetches one audio from one host, as far as it comes, and notes the result.
func (f *Fetcher) attempt(ctx context.Context, n need, host string, needs []need, changed <-chan struct{}) {
	got, err := f.one(ctx, n, host, needs, changed)
	f.keepMeter(ctx)
	var refusal *refused
	switch {
	case err == nil || ctx.Err() != nil:
		if got > 0 || err == nil {
			delete(f.hosts, host)
		}
	case errors.As(err, &refusal):
		f.hostFailed(host, refusal.after, false, err)
	case errors.Is(err, errAbsent):
		f.failed(n.sha, FaultFetch, absentWait, absentWait, err)
	case errors.Is(err, errWrong):
		f.failed(n.sha, FaultFetch, wrongFrom, wrongMost, err)
	case errors.Is(err, errStore):
		f.failed(n.sha, FaultDisk, retryFrom, retryMost, err)
	default: // the network, or a host that stumbles
		f.hostFailed(host, 0, got > 0, err)
	}
}

// hostFailed makes a host wait. One that gave bytes before it broke off is asked
// again soon: on a bad line that is how an audio comes at all.
func (f *Fetcher) hostFailed(host string, after time.Duration, progress bool, err error) {
	p := f.hosts[host]
	if p == nil || progress {
		p = &pause{}
		f.hosts[host] = p
	}
	p.fail(retryFrom, retryMost)
	if after > 0 {
		p.until = time.Now().Add(after + rand.N(after/4+time.Second))
	}
	f.log.Info("media host not available", "host", host, "failures", p.failures,
		"again_in", time.Until(p.until).Round(time.Second), "error", err)
}

var (
	// errAbsent: the host does not have it.
	errAbsent = errors.New("the centre does not have this audio")
	// errWrong: what came is not what the programme promises.
	errWrong = errors.New("wrong audio")
	// errStore: the cache could not take it.
	errStore = errors.New("audio cannot be stored")
	// errSilent ends a transfer that yields nothing.
	errSilent = fmt.Errorf("no byte for %v", silence)
	// errPressed ends one because an alert needs something: a chunk takes half a minute
	// on a slow line.
	errPressed = errors.New("an alert needs something first")
)

// refused is a host that asks for patience.
type refused struct {
	status int
	after  time.Duration
}

func (r *refused) Error() string {
	return fmt.Sprintf("media host answers %d, asks for %v", r.status, r.after)
}

// one is a single transfer; got is what it added. It stops without an error when
// the programme changed: something else may be due first.
func (f *Fetcher) one(ctx context.Context, n need, host string, needs []need, changed <-chan struct{}) (got int64, err error) {
	have, err := f.begin(n, needs)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errStore, err)
	}
	if have < n.bytes {
		got, err = f.receive(ctx, n, host, have, changed)
		if err != nil || have+got < n.bytes {
			return got, err
		}
	}
	switch err := f.opts.Cache.Commit(n.sha); {
	case errors.Is(err, radio.ErrInvalid):
		return got, fmt.Errorf("%w: %w", errWrong, err)
	case err != nil:
		return got, fmt.Errorf("%w: %w", errStore, err)
	}
	f.log.Info("audio ready", "sha256", string(n.sha), "title", n.title, "bytes", n.bytes)
	return got, nil
}

// begin finds room, from audio that is no longer needed if it must. What an alert needs
// also takes the room of the programme: first of what does not air in the next two days.
func (f *Fetcher) begin(n need, needs []need) (int64, error) {
	have, err := f.opts.Cache.Begin(n.sha, n.bytes)
	stays := []func(need) bool{func(need) bool { return true }}
	if n.first {
		stays = append(stays, func(o need) bool { return o.first || !o.due.IsZero() }, func(o need) bool { return o.first })
	}
	for _, stay := range stays {
		if !errors.Is(err, radio.ErrUnavailable) {
			return have, err
		}
		needed := map[radio.SHA256]bool{}
		for _, o := range needs {
			needed[o.sha] = needed[o.sha] || stay(o)
		}
		removed, err2 := f.opts.Cache.Evict(func(sha radio.SHA256) bool { return needed[sha] }, n.bytes)
		if err2 != nil {
			return 0, err2
		}
		f.log.Info("audio removed to make room", "removed", removed)
		have, err = f.opts.Cache.Begin(n.sha, n.bytes)
	}
	return have, err
}

// receive asks for what is missing and stores it chunk by chunk.
func (f *Fetcher) receive(ctx context.Context, n need, host string, have int64, changed <-chan struct{}) (got int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer watch.Stop()
	if !n.first {
		var presses sync.WaitGroup
		presses.Go(func() { f.press(ctx, n, func() { cancel(errPressed) }) })
		defer presses.Wait()
		defer cancel(nil) // before it is waited for
		defer func() {
			if errors.Is(context.Cause(ctx), errPressed) {
				err = nil // not the host's fault
			}
		}()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(host, "/")+wire.MediaPath+string(n.sha), nil)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errAbsent, err)
	}
	if have > 0 {
		// The name is the content, so the tag is known without asking (RFC 9110 §13.1.5).
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		req.Header.Set("If-Range", `"`+string(n.sha)+`"`)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return 0, cause(ctx, err)
	}
	defer resp.Body.Close()
	net := &waiting{Reader: resp.Body}
	month := f.month()
	defer func() { f.meter.took(month, net.bytes, net.took) }()
	body := &patient{net, watch}
	skip, err := f.answer(resp, n, have)
	if err != nil {
		return 0, err
	}
	if _, err := io.CopyN(io.Discard, body, skip); err != nil {
		return 0, cause(ctx, err)
	}
	buf := make([]byte, f.opts.ChunkSize)
	for have+got < n.bytes {
		chunk := buf[:min(int64(len(buf)), n.bytes-have-got)]
		if _, err := io.ReadFull(body, chunk); err != nil {
			return got, cause(ctx, err)
		}
		// The disk may be slow; that is not the host's silence.
		watch.Stop()
		if err := f.opts.Cache.Put(n.sha, chunk); err != nil {
			return got, fmt.Errorf("%w: %w", errStore, err)
		}
		watch.Reset(silence)
		got += int64(len(chunk))
		select {
		case <-changed:
			return got, nil
		default:
		}
		if f.pressing(n) {
			return got, nil
		}
	}
	return got, nil
}

// press ends a transfer as soon as something is missing that an alert needs.
func (f *Fetcher) press(ctx context.Context, n need, end func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
			if f.pressing(n) {
				end()
				return
			}
		}
	}
}

// answer judges status and headers; skip is what comes before the wanted bytes.
func (f *Fetcher) answer(resp *http.Response, n need, have int64) (skip int64, err error) {
	switch resp.StatusCode {
	case http.StatusOK:
		if resp.ContentLength >= 0 && resp.ContentLength != n.bytes {
			return 0, fmt.Errorf("%w: %d bytes, the programme says %d", errWrong, resp.ContentLength, n.bytes)
		}
		return have, nil
	case http.StatusPartialContent:
		want := fmt.Sprintf("bytes %d-%d/%d", have, n.bytes-1, n.bytes)
		if r := resp.Header.Get("Content-Range"); r != want {
			return 0, f.startAgain(n, fmt.Errorf("%w: range %.80q, want %q", errWrong, r, want))
		}
		return 0, nil
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, f.startAgain(n, fmt.Errorf("%w: the host has less than %d bytes", errWrong, have))
	case http.StatusNotFound, http.StatusGone:
		return 0, errAbsent
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return 0, &refused{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	}
	return 0, fmt.Errorf("media host answers %d", resp.StatusCode)
}

// startAgain drops a partial audio that does not fit what the host has.
func (f *Fetcher) startAgain(n need, why error) error {
	if err := f.opts.Cache.Delete(n.sha); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return why
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3); 0 when there is neither.
func retryAfter(s string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n < 1<<30 {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), longestAsk)
}

// cause names the silence behind a cancelled request.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil && errors.Is(c, errSilent) {
		return errSilent
	}
	return err
}

// patient puts the end of patience off with every byte.
type patient struct {
	io.Reader
	watch *time.Timer
}

func (p *patient) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if n > 0 {
		p.watch.Reset(silence)
	}
	return n, err
}
