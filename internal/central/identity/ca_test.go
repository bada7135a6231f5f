package identity

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"testing"
	"time"

	"loaxa/internal/trust"
)

func TestServerCertificateIsKeptAndRenewed(t *testing.T) {
	f := setUp(t)
	hosts := []string{"127.0.0.1", "loaxa.example"}
	first, err := f.ca.Server(hosts)
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenCA(f.ca.dir, "Ha Tinh", func() time.Time { return f.now })
	if err != nil {
		t.Fatal(err)
	}
	kept, err := again.Server(hosts)
	if err != nil || !bytes.Equal(kept.Certificate[0], first.Certificate[0]) {
		t.Fatalf("not kept over a restart: %v", err)
	}
	if len(kept.Certificate) != 2 {
		t.Fatal("the CA is not in the chain, so a new device could not pin it")
	}
	f.now = f.now.AddDate(0, 10, 0)
	renewed, err := f.ca.Server(hosts)
	if err != nil || bytes.Equal(renewed.Certificate[0], first.Certificate[0]) {
		t.Fatalf("not renewed after ten months: %v", err)
	}
	other, err := f.ca.Server(append(hosts, "10.0.0.1"))
	if err != nil || bytes.Equal(other.Certificate[0], renewed.Certificate[0]) {
		t.Fatalf("a new host gets no new certificate: %v", err)
	}
	// A disk that takes nothing at the time of renewal must not end all connections.
	f.now = f.now.AddDate(0, 10, 0)
	f.ca.dir = filepath.Join(f.ca.dir, "ca.pem", "no folder")
	other, err = f.ca.Server(append(hosts, "10.0.0.1"))
	if err != nil || other.Leaf.NotAfter.Before(f.now.AddDate(1, 0, 0)) || len(other.Certificate) != 2 {
		t.Fatalf("not renewed without a disk: %v", err)
	}
	again.dir, again.server = f.ca.dir, nil
	if _, err := again.Server(hosts); err == nil {
		t.Fatal("a centre that can keep nothing starts without a word")
	}
	// A board at 1970 accepts it under the pinned CA.
	leaf, err := x509.ParseCertificate(other.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	epoch := func() time.Time { return time.Unix(0, 0) }
	check := trust.ServerCheck(f.ca.Certificate(), "127.0.0.1", epoch)
	if err := check(tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}); err != nil {
		t.Fatal(err)
	}
}

// TestCAIsMadeOnce: a device's code made while the centre starts for the first time
// must pin the CA that the centre serves with.
func TestCAIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "ca")
	pins := make(chan string, 8)
	for range cap(pins) {
		go func() {
			ca, err := OpenCA(dir, "Ha Tinh", time.Now)
			if err != nil {
				pins <- err.Error()
				return
			}
			pins <- ca.Pin()
		}()
	}
	first := <-pins
	for range cap(pins) - 1 {
		if pin := <-pins; pin != first {
			t.Fatalf("two answers: %s and %s", first, pin)
		}
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "ca-new-*")); err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
}
