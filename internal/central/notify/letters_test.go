package notify

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// owed keeps letters as the store does.
type owed []radio.SecondMail

func (o *owed) SecondMails(context.Context) ([]radio.SecondMail, error) { return slices.Clone(*o), nil }

func (o *owed) EndSecondMail(_ context.Context, m radio.SecondMail) error {
	*o = slices.DeleteFunc(*o, func(x radio.SecondMail) bool { return x == m })
	return nil
}

// TestLetters: the owner is told of a first second factor, once; without an address nobody
// is, and a server that does not answer is tried for a day.
func TestLetters(t *testing.T) {
	zone, err := timetable.LoadZone("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	of := func(login, email string, counts time.Duration) radio.SecondMail {
		return radio.SecondMail{Person: radio.UserID(login), Login: login, Email: email, At: radio.At(at), CountsAt: radio.At(at.Add(counts))}
	}
	l := &letters{}
	server, stop := serveMail(t, l, false, true)
	defer stop()
	server.Security = StartTLS
	now := at.Add(time.Minute)
	send := func(opts Options, o *owed) {
		t.Helper()
		opts.Zone = zone
		if err := NewLetters(o, opts, func() time.Time { return now }, slog.New(slog.DiscardHandler)).Send(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	o := &owed{of("lan", "lan@hatinh.example", 24*time.Hour), of("khong-thu", "", 24*time.Hour), of("dau-tien", "dau@hatinh.example", 0)}
	send(Options{}, o)
	if len(l.mail()) != 0 || len(*o) != 3 {
		t.Fatalf("without a mail server: %d letters, %d owed", len(l.mail()), len(*o))
	}
	send(Options{SMTP: server}, o)
	send(Options{SMTP: server}, o)
	if len(*o) != 0 || len(l.mail()) != 2 || l.mail()[0].to != "lan@hatinh.example" || l.mail()[1].to != "dau@hatinh.example" {
		t.Fatalf("%d owed, %+v", len(*o), l.mail())
	}
	subject, text := open(t, l.mail()[0].data)
	for _, want := range []string{"“lan”", "lúc 10:00 23/11/2026", "từ 10:00 24/11/2026", "from 10:00 24/11/2026 on", "somebody knows your password"} {
		if !strings.Contains(text, want) {
			t.Errorf("the mail %q lacks %q:\n%s", subject, want, text)
		}
	}
	if _, text := open(t, l.mail()[1].data); strings.Contains(text, "24/11/2026") {
		t.Errorf("what counts at once:\n%s", text)
	}
	// A server that is down.
	down := server
	down.Port = 1
	o = &owed{of("lan", "lan@hatinh.example", 24*time.Hour)}
	send(Options{SMTP: down}, o)
	if len(*o) != 1 {
		t.Fatal("given up at once")
	}
	now = at.Add(giveUp)
	send(Options{SMTP: down}, o)
	if len(*o) != 0 || len(l.mail()) != 2 {
		t.Fatalf("a day later: %d owed, %d letters", len(*o), len(l.mail()))
	}
}
