package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// letterBox is a mail server that keeps the subjects of what it gets, by recipient.
type letterBox struct {
	mu  sync.Mutex
	got []string
}

func (l *letterBox) NewSession(*smtp.Conn) (smtp.Session, error) { return &letter{box: l}, nil }

type letter struct {
	box *letterBox
	to  string
}

func (l *letter) Mail(string, *smtp.MailOptions) error      { return nil }
func (l *letter) Rcpt(to string, _ *smtp.RcptOptions) error { l.to = to; return nil }
func (l *letter) Reset()                                    {}
func (l *letter) Logout() error                             { return nil }

func (l *letter) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return err
	}
	l.box.mu.Lock()
	defer l.box.mu.Unlock()
	l.box.got = append(l.box.got, l.to+": "+subject)
	return nil
}

func (l *letterBox) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.got...)
}

// bell is a program that is told by webhook. It takes signed messages only.
type bell struct {
	mu   sync.Mutex
	got  []string
	seen map[string]bool
}

const bellSecret = "mot bi mat du dai de ky"

func (b *bell) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	seconds, mark, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Loaxa-Signature"), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(bellSecret))
	mac.Write([]byte(seconds + "." + string(body)))
	if !ok || mark != hex.EncodeToString(mac.Sum(nil)) {
		b.note("", "signature "+r.Header.Get("Loaxa-Signature"))
		http.Error(w, "not signed", http.StatusForbidden)
		return
	}
	var p struct {
		Message string `json:"message"`
		News    []struct {
			Event string `json:"event"`
			Kind  string `json:"kind"`
			VI    string `json:"text_vi"`
		} `json:"news"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		b.note("", err.Error())
	}
	for _, n := range p.News {
		b.note(p.Message, n.Event+" "+n.Kind+": "+n.VI)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (b *bell) note(message, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if message == "" || !b.seen[message+text] {
		b.seen[message+text] = true
		b.got = append(b.got, text)
	}
}

func (b *bell) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.got...)
}

// TestTroubleIsTold: a running centre, a real mail server and a real program beside it.
// A controller that loses its power makes one mail and one webhook; when it is back, one
// more of each, and nothing else is said.
func TestTroubleIsTold(t *testing.T) {
	lane(t, long)
	if testing.Short() {
		t.Skip("the whole house runs without -short only: it starts processes and waits for a silence of a minute")
	}
	box, hook := &letterBox{}, &bell{seen: map[string]bool{}}
	server := smtp.NewServer(box)
	server.Domain, server.ReadTimeout, server.WriteTimeout = "localhost", 10*time.Second, 10*time.Second
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
	})
	receiver := httptest.NewServer(hook)
	t.Cleanup(receiver.Close)

	settings := filepath.Join(t.TempDir(), "centre.yaml")
	text := fmt.Sprintf(`faults: {offline_after: 1m, assumed_clocks: true}
notify:
  base_url: http://127.0.0.1:1
  smtp: {server: %q, security: none, from: loa@example.vn, gap: 1s}
  to:
    - {email: truc@example.vn, kinds: [offline], language: vi}
    - {webhook: %q, secret: %q, kinds: [offline]}
`, l.Addr(), receiver.URL, bellSecret)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, []string{"a"}, "LOAXA_CONFIG="+settings)
	h.serve()
	a := h.agent("a", `driver: "null"`)
	h.eventually(30*time.Second, "the device is connected", func() bool {
		var answer struct {
			Devices []struct {
				Online bool `json:"online"`
			} `json:"devices"`
		}
		h.get("/api/v1/devices", &answer)
		return len(answer.Devices) == 1 && answer.Devices[0].Online
	})
	a.process.kill(t)
	both := func(n int) func() bool {
		return func() bool { return len(box.all()) >= n && len(hook.all()) >= n }
	}
	h.eventually(3*time.Minute, "the loss is told by mail and webhook", both(1))
	a.start()
	h.eventually(4*time.Minute, "the recovery is told by mail and webhook", both(2))
	letters, rings := box.all(), hook.all()
	if len(letters) != 2 || len(rings) != 2 {
		t.Fatalf("letters %q, rings %q", letters, rings)
	}
	for i, want := range []struct{ event, word string }{{"opened offline: ", "mất kết nối"}, {"closed offline: ", "Đã kết nối lại"}} {
		if !strings.HasPrefix(letters[i], "truc@example.vn: ") || !strings.Contains(letters[i], want.word) {
			t.Errorf("letter %d: %q", i, letters[i])
		}
		if !strings.HasPrefix(rings[i], want.event) || !strings.Contains(rings[i], want.word) {
			t.Errorf("webhook %d: %q", i, rings[i])
		}
	}
}
