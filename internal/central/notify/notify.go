// Package notify tells people about faults: by e-mail and to other programs by webhook.
// fault hands it news in the transaction that opens or closes a fault; store keeps the
// outbox; notify delivers each piece at least once, many of them in one message, again
// and again for a day, and then marks it as undelivered, which web shows. The same news
// goes to a recipient once; a repetition after a crash carries the same message id.
package notify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Outbox keeps notices until they are delivered (store).
type Outbox interface {
	// DueNotices lists what is due, at most limit for each recipient.
	DueNotices(ctx context.Context, now radio.Millis, limit int) ([]radio.Notice, error)
	EndNotices(ctx context.Context, notices []radio.Notice, now radio.Millis) error
}

// Recipient wants to be told: an e-mail address or a webhook.
type Recipient struct {
	Email   string
	Webhook string
	Secret  string // signs webhooks
	// AllowHTTP lets a webhook go unencrypted to another machine.
	AllowHTTP bool
	// Areas are codes of the province or of communes; none means all.
	Areas []string
	// Kinds of faults; none means all.
	Kinds []radio.FaultKind
	// Language of mails: vi, en, or both ("").
	Language string
}

// Name is how the outbox and screens call the recipient. An address may hold a secret
// of its own, so of a webhook only the host shows, and a mark that tells two apart.
func (r Recipient) Name() string {
	if r.Email != "" {
		return r.Email
	}
	sum := sha256.Sum256([]byte(r.Webhook))
	return "webhook " + host(r.Webhook) + " #" + hex.EncodeToString(sum[:4])
}

// wants says whether the recipient is to be told. What concerns the whole province, or
// the centre, concerns every commune.
func (r Recipient) wants(n radio.FaultNews) bool {
	if len(r.Kinds) > 0 && !slices.Contains(r.Kinds, n.Kind) {
		return false
	}
	return len(r.Areas) == 0 || len(n.Within) <= 1 || slices.ContainsFunc(n.Within, func(code string) bool { return slices.Contains(r.Areas, code) })
}

// Options of Notify.
type Options struct {
	Recipients []Recipient
	SMTP       SMTP
	// BaseURL is the address of the console, for links; "" for none.
	BaseURL string
	Zone    timetable.Zone
	// MailGap is between two mails to one address; 0 for the usual one.
	MailGap time.Duration
}

const (
	// giveUp after this long; retryFrom doubles up to retryMost.
	giveUp    = 24 * time.Hour
	retryFrom = time.Minute
	retryMost = time.Hour
	// poll is how often the outbox is looked at.
	poll = 10 * time.Second
	// MailGap between two mails to one address: what happens meanwhile goes together.
	MailGap = 5 * time.Minute
	// atOnce bounds the pieces of news of one message, and most the messages of a channel
	// (mails, webhooks) under way.
	atOnce = 100
	most   = 4
)

// Notify delivers. Safe for concurrent use.
type Notify struct {
	outbox Outbox
	opts   Options
	by     map[string]Recipient
	hook   *hook
	now    func() time.Time
	log    *slog.Logger

	mu   sync.Mutex
	sent map[string]radio.Millis // the last mail to each address
}

// New checks the recipients and how they are reached.
func New(outbox Outbox, opts Options, now func() time.Time, log *slog.Logger) (*Notify, error) {
	n := &Notify{outbox: outbox, opts: opts, by: map[string]Recipient{}, hook: newHook(now), now: now, log: log, sent: map[string]radio.Millis{}}
	for _, r := range opts.Recipients {
		n.by[r.Name()] = r
	}
	return n, opts.Check()
}

// Check lists everything that cannot work.
func (o Options) Check() error {
	var errs []error
	seen := map[string]bool{}
	for i, r := range o.Recipients {
		if err := r.check(o.SMTP); err != nil {
			errs = append(errs, fmt.Errorf("recipient %d: %w", i+1, err))
		}
		if seen[r.Name()] {
			errs = append(errs, fmt.Errorf("%w: recipient %d: %s stands there twice", radio.ErrInvalid, i+1, r.Name()))
		}
		seen[r.Name()] = true
	}
	if u, err := url.Parse(o.BaseURL); o.BaseURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.HasSuffix(o.BaseURL, "/")) {
		errs = append(errs, fmt.Errorf("%w: base_url %q, want https://host without a slash at the end", radio.ErrInvalid, o.BaseURL))
	}
	return errors.Join(errs...)
}

func (r Recipient) check(s SMTP) error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{radio.ErrInvalid}, args...)...))
	}
	switch {
	case (r.Email == "") == (r.Webhook == ""):
		bad("want either an email or a webhook")
	case r.Email != "":
		if err := s.Check(); err != nil {
			errs = append(errs, err)
		}
		if !validEmail(r.Email) {
			bad("%q is not an e-mail address", r.Email)
		}
	default:
		if err := checkWebhook(r); err != nil {
			errs = append(errs, err)
		}
	}
	for _, k := range r.Kinds {
		if !k.Valid() {
			bad("there is no kind of fault %q", string(k))
		}
	}
	if !slices.Contains([]string{"", "vi", "en"}, r.Language) {
		bad("language %q, want vi or en, or nothing for both", r.Language)
	}
	return errors.Join(errs...)
}

// Notices makes the outbox rows of news: one for each recipient who wants it.
func (n *Notify) Notices(news []radio.FaultNews, at radio.Millis) []radio.Notice {
	var out []radio.Notice
	for _, item := range news {
		for _, r := range n.opts.Recipients {
			if r.wants(item) {
				out = append(out, radio.Notice{ID: radio.NewID[string](), Recipient: r.Name(), News: item, CreatedAt: at, NextAt: at})
			}
		}
	}
	return out
}

// Run delivers until ctx ends. What is under way then is broken off, and delivered again
// by the next run.
func (n *Notify) Run(ctx context.Context) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if err := n.Deliver(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("deliver notices", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Deliver sends what is due, one message to each recipient. One that does not answer,
// or for whom much has gathered, does not hold up the others; nor do webhooks mails.
func (n *Notify) Deliver(ctx context.Context) error {
	due, err := n.outbox.DueNotices(ctx, radio.At(n.now()), atOnce)
	if err != nil {
		return err
	}
	byRecipient := map[string][]radio.Notice{}
	for _, d := range due {
		byRecipient[d.Recipient] = append(byRecipient[d.Recipient], d)
	}
	var mails, hooks errgroup.Group
	mails.SetLimit(most)
	hooks.SetLimit(most)
	ended := make(chan error, 1)
	go func() {
		for name, notices := range byRecipient {
			if n.by[name].Email != "" {
				mails.Go(func() error { return n.deliver(ctx, name, notices) })
			}
		}
		ended <- mails.Wait()
	}()
	for name, notices := range byRecipient {
		if n.by[name].Email == "" {
			hooks.Go(func() error { return n.deliver(ctx, name, notices) })
		}
	}
	return errors.Join(hooks.Wait(), <-ended)
}

func (n *Notify) deliver(ctx context.Context, name string, notices []radio.Notice) error {
	r, known := n.by[name]
	if known && r.Email != "" && n.tooSoon(name) {
		return nil
	}
	err := fmt.Errorf("%w: %s is not configured any more", radio.ErrNotFound, name)
	if known {
		m := message{id: messageID(notices), notices: notices}
		if r.Email != "" {
			err = n.mail(ctx, r, m)
		} else {
			err = n.hook.send(ctx, r, n.payload(m))
		}
	}
	if ctx.Err() != nil {
		return nil // neither sent nor refused: another time
	}
	now := radio.At(n.now())
	for i := range notices {
		notices[i] = ended(notices[i], err, known, now)
	}
	if err != nil {
		n.log.Warn("notice not delivered", "recipient", name, "notices", len(notices), "tries", notices[0].Tries, "error", clean(err.Error()))
	} else {
		n.log.Info("notice delivered", "recipient", name, "notices", len(notices))
		n.mu.Lock()
		n.sent[name] = now
		n.mu.Unlock()
	}
	// The message is out: what became of it is kept even when ctx ends now.
	return n.outbox.EndNotices(context.WithoutCancel(ctx), notices, now)
}

// ended is a notice after a try.
func ended(d radio.Notice, err error, again bool, now radio.Millis) radio.Notice {
	d.Tries++
	switch {
	case err == nil:
		d.SentAt, d.Error = now, ""
	case !again || now.Sub(d.CreatedAt) >= giveUp:
		d.FailedAt, d.Error = now, clean(err.Error())
	default:
		wait := retryMost
		if d.Tries < 7 {
			wait = min(retryFrom<<(d.Tries-1), retryMost)
		}
		d.NextAt, d.Error = now.Add(wait), clean(err.Error())
	}
	return d
}

func (n *Notify) tooSoon(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	last, ok := n.sent[name]
	now := radio.At(n.now())
	return ok && now >= last && now.Sub(last) < cmp.Or(n.opts.MailGap, MailGap)
}

// message is what goes to one recipient at once.
type message struct {
	id      string
	notices []radio.Notice
}

// messageID is the same for the same notices, so that a receiver knows a repetition.
func messageID(notices []radio.Notice) string {
	ids := make([]string, len(notices))
	for i, n := range notices {
		ids[i] = n.ID
	}
	slices.SortFunc(ids, cmp.Compare[string])
	sum := sha256.Sum256([]byte(strings.Join(ids, " ")))
	return hex.EncodeToString(sum[:12])
}

// clean bounds the words of a stranger's server.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 300 {
		return string(r[:300]) + "…"
	}
	return s
}
