package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/mqtt"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// fakeJournal is a journal of numbered records.
type fakeJournal struct {
	mu       sync.Mutex
	status   radio.JournalStatus
	wake     chan struct{}
	next     uint64
	events   []string
	noNumber bool
}

func (j *fakeJournal) Batch(max int) (wire.JournalPayload, bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := wire.JournalPayload{Journal: j.status.ID, First: j.status.Acked + 1}
	for seq := b.First; seq <= j.status.Head && len(b.Records) < max; seq++ {
		b.Records = append(b.Records, wire.Raw(fmt.Sprint(seq)))
	}
	return b, len(b.Records) > 0, nil
}

func (j *fakeJournal) Ack(_ context.Context, _ radio.JournalID, upto uint64, _ []wire.Rejected) error {
	return j.change(fmt.Sprint("ack ", upto), func() { j.status.Acked = upto })
}

func (j *fakeJournal) Rewind(_ context.Context, _ radio.JournalID, upto uint64) error {
	return j.change(fmt.Sprint("rewind ", upto), func() { j.status.Acked = upto })
}

func (j *fakeJournal) Renew(context.Context, string) error {
	return j.change("renew", func() { j.status = radio.JournalStatus{ID: "B", Head: j.status.Head - j.status.Acked} })
}

// Compare: the chain begins with its number.
func (j *fakeJournal) Compare(_ context.Context, _ radio.JournalID, seq uint64, hash trust.Hash) (bool, error) {
	return uint64(hash[0]) == seq, nil
}

func (j *fakeJournal) write(n uint64) {
	// The event is noted by what is sent.
	if err := j.change("", func() { j.status.Head += n }); err != nil {
		panic(err)
	}
}

func (j *fakeJournal) change(event string, fn func()) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	fn()
	if event != "" {
		j.events = append(j.events, event)
	}
	signal(j.wake)
	return nil
}

func (j *fakeJournal) Status() radio.JournalStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.status
}

func (j *fakeJournal) Oldest() uint64        { return 1 }
func (j *fakeJournal) Wake() <-chan struct{} { return j.wake }

func (j *fakeJournal) NextConnection(context.Context) (uint64, error) {
	if j.noNumber {
		return 0, errors.New("disk full")
	}
	j.next += 10
	return j.next, nil
}

type fakeInbox struct {
	mu      sync.Mutex
	jitter  int
	areas   []radio.AreaID
	brokers []string
	changed chan struct{}
	fails   []error
	taken   int
}

func (i *fakeInbox) Take(context.Context, string, []byte) error {
	i.taken++
	if len(i.fails) == 0 {
		return nil
	}
	err := i.fails[0]
	i.fails = i.fails[1:]
	return err
}

func (i *fakeInbox) Areas() []radio.AreaID {
	if i.areas != nil {
		return i.areas
	}
	return []radio.AreaID{"00000000000000000000000002"}
}
func (i *fakeInbox) Settings() radio.Settings        { return radio.Settings{JitterMS: i.jitter} }
func (i *fakeInbox) Revisions() radio.RevisionStatus { return radio.RevisionStatus{Programme: 7} }
func (i *fakeInbox) Endpoints() trust.Endpoints {
	i.mu.Lock()
	defer i.mu.Unlock()
	return trust.Endpoints{Brokers: i.brokers}
}

func (i *fakeInbox) Changed() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.changed
}

func (i *fakeInbox) move(brokers ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.brokers = brokers
	close(i.changed)
	i.changed = make(chan struct{})
}

type fakeClock struct {
	*clock.Fake
	begin time.Time
	trips []time.Duration
}

// Mono runs with the bubble's time.
func (c *fakeClock) Mono() time.Duration { return time.Since(c.begin) }
func (c *fakeClock) FromCentre(_ time.Time, _ string, sent, got time.Duration) error {
	c.trips = append(c.trips, got-sent)
	return nil
}

// fakeClient is one way to a broker; the test connects and breaks it.
type fakeClient struct {
	opts  mqtt.Options
	l     *lab
	ctx   context.Context
	drop  context.CancelFunc
	hello sync.WaitGroup
}

func (c *fakeClient) Run(ctx context.Context) error {
	c.ctx = ctx
	<-ctx.Done()
	c.breakOff()
	return nil
}

func (c *fakeClient) connect() {
	_, will := c.opts.Will()
	p, err := wire.ParsePresence(will)
	if err != nil {
		c.l.t.Error(err)
	}
	c.l.note("will " + string(p.State) + fmt.Sprint(" ", p.Connection))
	ctx, cancel := context.WithCancel(c.ctx)
	c.drop = cancel
	c.hello.Go(func() { c.opts.OnConnect(ctx) })
}

func (c *fakeClient) breakOff() {
	if c.drop != nil {
		c.drop()
		c.hello.Wait()
		c.drop = nil
	}
}

func (c *fakeClient) Publish(_ context.Context, topic string, payload []byte, retained bool) error {
	if c.drop == nil {
		return mqtt.ErrOffline
	}
	c.l.published(topic, payload, retained)
	return nil
}

// lab is a link among fakes, in a bubble of fake time.
type lab struct {
	*Link
	t       *testing.T
	journal *fakeJournal
	inbox   *fakeInbox
	clock   *fakeClock
	clients []*fakeClient
	key     trust.Key
	start   time.Time
	status  radio.Status

	logMu  sync.Mutex
	log    []string
	hellos []wire.HelloPayload
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, start: time.Now(), journal: &fakeJournal{wake: make(chan struct{}, 1), status: radio.JournalStatus{ID: "A"}},
		inbox: &fakeInbox{brokers: []string{"mqtts://one:1"}, changed: make(chan struct{})},
		clock: &fakeClock{Fake: clock.NewFake(noon), begin: time.Now()}}
	var err error
	if l.key, err = trust.Generate(); err != nil {
		t.Fatal(err)
	}
	l.Link, err = New(Options{Device: device, Key: l.key, Version: "1",
		Journal: l.journal, Inbox: l.inbox, Clock: l.clock, Status: func() radio.Status { return l.status },
		TLS: func(hosts []string) *tls.Config { return &tls.Config{ServerName: strings.Join(hosts, ",")} },
		Dial: func(o mqtt.Options) (Client, error) {
			if _, err := mqtt.New(o); err != nil {
				return nil, err
			}
			l.note("dial " + o.TLS.ServerName)
			c := &fakeClient{opts: o, l: l}
			l.clients = append(l.clients, c)
			return c, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run gives the way to stop it; the client is there when it returns.
func (l *lab) run() (stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	synctest.Wait()
	return func() {
		l.t.Helper()
		cancel()
		if err := <-done; err != nil {
			l.t.Error(err)
		}
	}
}

func (l *lab) client() *fakeClient { return l.clients[len(l.clients)-1] }

func (l *lab) note(s string) {
	l.logMu.Lock()
	defer l.logMu.Unlock()
	l.log = append(l.log, s)
}

// published notes a message in short form, proven by the device's key.
func (l *lab) published(topic string, payload []byte, retained bool) {
	tp, err := wire.ParseTopic(topic)
	if err != nil || !wire.MayPublish(device, topic) || retained != tp.Kind.Retained() {
		l.t.Errorf("publishes to %s, retained %t: %v", topic, retained, err)
		return
	}
	unseal := func(out any) {
		if err := wire.Unseal(tp.Kind, string(device), payload, trust.Only(l.key.Public()), out); err != nil {
			l.t.Error(err)
		}
	}
	text := string(tp.Kind)
	switch tp.Kind {
	case wire.Presence:
		p, err := wire.ParsePresence(payload)
		if err != nil {
			l.t.Error(err)
		}
		text = fmt.Sprint(p.State, " ", p.Connection)
	case wire.Hello:
		var h wire.HelloPayload
		unseal(&h)
		l.logMu.Lock()
		l.hellos = append(l.hellos, h)
		l.logMu.Unlock()
	case wire.Journal:
		var b wire.JournalPayload
		unseal(&b)
		text = fmt.Sprintf("journal %s %d-%d", b.Journal, b.First, b.First+uint64(len(b.Records))-1)
		if b.Device != device {
			l.t.Errorf("batch of device %q", b.Device)
		}
	case wire.Receipt:
		var r wire.ReceiptPayload
		unseal(&r)
		text = strings.TrimSpace(fmt.Sprint("receipt ", r.ID, " ", r.State, " ", r.Reason))
		if r.Device != device {
			l.t.Errorf("receipt of device %q", r.Device)
		}
	case wire.Reported:
		var s radio.Status
		unseal(&s)
		text = fmt.Sprintf("reported %d", len(s.Audio))
	}
	l.note(fmt.Sprintf("%s @%.0f", text, time.Since(l.start).Seconds()))
}

func (l *lab) lines(prefix string) []string {
	l.logMu.Lock()
	defer l.logMu.Unlock()
	var out []string
	for _, s := range l.log {
		if strings.HasPrefix(s, prefix) {
			out = append(out, s)
		}
	}
	return out
}

func (l *lab) after(d time.Duration) {
	time.Sleep(d) // fake time
	synctest.Wait()
}

func (l *lab) want(prefix string, want ...string) {
	l.t.Helper()
	if got := l.lines(prefix); !slices.Equal(got, want) {
		l.t.Errorf("%q: got %q, want %q", prefix, got, want)
	}
}

// welcome answers the last hello, of a centre that has the device's own chain.
func (l *lab) welcome(upto uint64) { l.welcomeWith(upto, trust.Hash{byte(upto)}) }

func (l *lab) welcomeWith(upto uint64, hash trust.Hash) {
	l.logMu.Lock()
	h := l.hellos[len(l.hellos)-1]
	l.logMu.Unlock()
	l.Welcome(l.t.Context(), wire.WelcomePayload{Device: device, Nonce: h.Nonce, Time: radio.At(noon), Journal: h.Journal, Upto: upto, Hash: hash})
	synctest.Wait()
}
