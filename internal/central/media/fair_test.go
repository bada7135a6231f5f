package media

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// named admits every certificate as the device of its common name.
type named struct{}

func (named) Admit(_ context.Context, leaf *x509.Certificate) (radio.DeviceID, error) {
	return radio.DeviceID(leaf.Subject.CommonName), nil
}

func askAs(t *testing.T, h http.Handler, device, path string) *http.Response {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: device}}
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// held is an audio whose bytes come when the test lets them.
type held struct{ opened, free chan struct{} }

func (h held) Open(radio.SHA256) (io.ReadSeekCloser, int64, error) {
	h.opened <- struct{}{}
	<-h.free
	return memory{"": []byte("x")}.Open("")
}

// A device fetches one audio at a time; one that opens every transfer there is and
// reads slowly must not keep the others from theirs.
func TestOneDeviceDoesNotTakeAllTransfers(t *testing.T) {
	files := held{opened: make(chan struct{}, 8), free: make(chan struct{})}
	h := New(files, named{}, 4, slog.New(slog.DiscardHandler))
	path := wire.MediaPath + "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	greedy, other := "01JD0000000000000000000DEV", "01JD0000000000000000000DEW"
	done := make(chan int, 8)
	get := func(device string) {
		go func() { done <- askAs(t, h, device, path).StatusCode }()
	}
	for range perDevice {
		get(greedy)
		<-files.opened
	}
	if got := askAs(t, h, greedy, path); got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Fatalf("one transfer too many: status %d", got.StatusCode)
	}
	get(other)
	<-files.opened
	close(files.free)
	for range perDevice + 1 {
		if got := <-done; got != http.StatusOK {
			t.Errorf("status %d", got)
		}
	}
	if got := askAs(t, h, greedy, path); got.StatusCode != http.StatusOK {
		t.Errorf("after its transfers have ended: status %d", got.StatusCode)
	}
	if len(h.busy) != 0 {
		t.Errorf("%d devices remembered", len(h.busy))
	}
}
