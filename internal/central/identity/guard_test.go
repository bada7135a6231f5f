package identity

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// A review found it: anybody who knew a login kept its owner out, because wrong passwords
// from anywhere made the login wait.
func TestStrangersDoNotKeepTheOwnerOut(t *testing.T) {
	ctx, now := t.Context(), morning
	p := cheap(openStore(t, storetest.File(t)), func() time.Time { return now })
	_, err := p.Add(ctx, "lan", "Nguyễn Thị Lan", goodPassword, nil, "x")
	must(t, err)
	try := func(password, address, device string) (radio.SignedIn, error) {
		return p.Login(ctx, radio.SignIn{Login: "lan", Password: password, Address: address, Device: device})
	}
	home, err := try(goodPassword, "home", "")
	must(t, err)

	// One stranger waits, and nobody else.
	for range ownTries {
		_, err := try("đoán mò", "evil", "")
		refusedAs(t, "a guess", err, ErrLogin)
	}
	_, err = try(goodPassword, "evil", "")
	refusedAs(t, "the one who guessed", err, ErrLocked)
	_, err = try(goodPassword, "elsewhere", "")
	must(t, err)

	// Many strangers wait together; the device that was signed in on does not.
	for i := range strangersTries - ownTries {
		_, err := try("đoán mò", fmt.Sprint("evil ", i), "")
		refusedAs(t, "a guess of many", err, ErrLogin)
	}
	_, err = try(goodPassword, "never seen", "")
	var later interface{ RetryAfter() time.Duration }
	if !errors.Is(err, ErrLocked) || !errors.As(err, &later) || later.RetryAfter() != strangersWait {
		t.Fatalf("an address more: %v", err)
	}
	_, err = try(goodPassword, "another café", home.Device)
	must(t, err)

	// The right password of the owner gives the strangers no new guesses.
	_, err = try(goodPassword, "never seen", "")
	refusedAs(t, "after the owner signed in", err, ErrLocked)
	guesses := 0
	for end := now.Add(24 * time.Hour); now.Before(end); now = now.Add(time.Minute) {
		if _, err := try("đoán mò", fmt.Sprint(now), ""); errors.Is(err, ErrLogin) {
			guesses++
		}
	}
	if guesses > 31 {
		t.Errorf("%d guesses in a day from ever new addresses", guesses)
	}

	// A stolen device's cookie is good for a few guesses, and makes no other device wait.
	again, err := try(goodPassword, "home", home.Device)
	must(t, err)
	for range ownTries {
		_, err := try("đoán mò", "thief", home.Device)
		refusedAs(t, "a guess with a stolen cookie", err, ErrLogin)
	}
	_, err = try(goodPassword, "thief", home.Device)
	refusedAs(t, "the stolen cookie", err, ErrLocked)
	_, err = try(goodPassword, "home", again.Device)
	must(t, err)

	// What is none, is another's, or is of an older password, makes nobody known.
	_, err = p.Add(ctx, "hoa", "Hoa", goodPassword, nil, "x")
	must(t, err)
	hoa, err := p.Login(ctx, radio.SignIn{Login: "hoa", Password: goodPassword, Address: "home"})
	must(t, err)
	must(t, p.SetPassword(ctx, "lan", "trời lại nắng rồi", "x"))
	for what, device := range map[string]string{"another's": hoa.Device, "of the old password": again.Device, "cut": hoa.Device[:20], "nonsense": "%%%"} {
		_, err = try("trời lại nắng rồi", "fresh "+what, device)
		refusedAs(t, what, err, ErrLocked)
	}

	// The way back in with a new device: a link of the administrator.
	lan, err := p.accounts.PersonByLogin(ctx, "lan")
	must(t, err)
	_, pass, err := p.Reset(ctx, Operator("command:root"), lan.ID)
	must(t, err)
	in, err := p.Accept(ctx, pass.Code, goodPassword, "new telephone")
	must(t, err)
	_, err = try(goodPassword, "new telephone", in.Device)
	must(t, err)
}

// A flood of invented logins neither fills the memory nor washes a count away.
func TestCountsAreBounded(t *testing.T) {
	g := guard{fails: map[string]failure{}}
	victim := fromDevice("lan", "", "evil")
	for range ownTries {
		g.failed(victim, morning)
	}
	for i := range mostCounts/2 + 500 {
		g.failed(fromDevice(fmt.Sprint("x", i), "", "evil"), morning)
	}
	if n := len(g.fails); n > mostCounts {
		t.Errorf("%d counts", n)
	}
	if g.waiting(victim, morning) <= 0 {
		t.Error("the flood washed the count away")
	}
	g.failed(fromDevice("y", "", "evil"), morning.Add(forgetAfter))
	if n := len(g.fails); n != 2 {
		t.Errorf("%d counts a day later", n)
	}
}

// A review found it: password checks queued without end, each to take 64 MiB.
func TestHashingIsBounded(t *testing.T) {
	ctx := t.Context()
	g := newGate(1, 4, 2)
	leave, err := g.enter(ctx, "a")
	must(t, err)
	in := make(chan func(), 4)
	wait := func(address string) {
		go func() {
			leave, err := g.enter(ctx, address)
			if err != nil {
				t.Error(err)
				leave = func() {}
			}
			in <- leave
		}()
	}
	full := func(n int) bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.in == n
	}
	await := func(n int) {
		for !full(n) {
			runtime.Gosched()
		}
	}
	wait("a")
	await(2)
	var busy *radio.Busy
	if _, err := g.enter(ctx, "a"); !errors.As(err, &busy) || !errors.Is(err, radio.ErrUnavailable) || busy.Wait <= 0 {
		t.Errorf("more than its share: %v", err)
	}
	wait("b")
	wait("c")
	await(4)
	if _, err := g.enter(ctx, "d"); !errors.As(err, &busy) {
		t.Errorf("one more than there is room for: %v", err)
	}
	leave()
	for range 3 {
		(<-in)()
	}
	if !full(0) || len(g.of) != 0 || len(g.slots) != 0 {
		t.Errorf("left behind: %d in, %v", g.in, g.of)
	}
	// Who goes away while waiting gives the place back.
	leave, err = g.enter(ctx, "a")
	must(t, err)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := g.enter(gone, "b"); err == nil {
		t.Error("a turn for somebody who is gone")
	}
	leave()
	if !full(0) {
		t.Errorf("%d in", g.in)
	}
}
