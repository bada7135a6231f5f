package identity

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestRevocationList(t *testing.T) {
	now := time.Date(2026, 11, 23, 5, 0, 0, 500, time.UTC)
	clock := func() time.Time { return now }
	ca, err := OpenCA(t.TempDir()+"/ca", "Hà Tĩnh", clock)
	if err != nil {
		t.Fatal(err)
	}
	list := func(ca *CA, before []byte, serials ...string) []byte {
		t.Helper()
		var ended []radio.Certificate
		for i, s := range serials {
			ended = append(ended, radio.Certificate{Serial: s, RevokedAt: radio.At(now.Add(-time.Duration(i) * time.Hour))})
		}
		b, err := ca.RevocationList(ended, before)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	read := func(b []byte) *x509.RevocationList {
		t.Helper()
		block, rest := pem.Decode(b)
		if block == nil || len(rest) != 0 {
			t.Fatalf("not one PEM block: %s", b)
		}
		l, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.CheckSignatureFrom(ca.Certificate()); err != nil {
			t.Error(err)
		}
		return l
	}

	empty := list(ca, nil)
	if l := read(empty); len(l.RevokedCertificateEntries) != 0 || !l.NextUpdate.Equal(ca.Certificate().NotAfter) || !l.ThisUpdate.Before(now.Add(-time.Hour)) {
		t.Errorf("empty list from %s to %s with %d entries", l.ThisUpdate, l.NextUpdate, len(l.RevokedCertificateEntries))
	}
	two := list(ca, empty, "ff01", "1")
	l := read(two)
	if e := l.RevokedCertificateEntries; len(e) != 2 || e[0].SerialNumber.Int64() != 1 || e[1].SerialNumber.Cmp(big.NewInt(0xff01)) != 0 {
		t.Errorf("entries %+v", e)
	}
	if !l.ThisUpdate.After(read(empty).ThisUpdate) {
		t.Error("within one second two lists look equally new, and OpenSSL keeps the older")
	}

	t.Run("what says the same stays", func(t *testing.T) {
		now = now.Add(24 * time.Hour)
		if again := list(ca, two, "1", "ff01"); !bytes.Equal(again, two) {
			t.Error("another list")
		}
	})
	t.Run("what is not ours is replaced", func(t *testing.T) {
		other, err := OpenCA(t.TempDir()+"/ca", "Hà Tĩnh", clock)
		if err != nil {
			t.Fatal(err)
		}
		for name, before := range map[string][]byte{
			"another CA's": list(other, nil, "1", "ff01"), "cut": two[:len(two)/2], "garbage": []byte("x"), "with more behind": append(bytes.Clone(two), "x"...),
		} {
			if got := list(ca, before, "1", "ff01"); bytes.Equal(got, before) || len(read(got).RevokedCertificateEntries) != 2 {
				t.Errorf("%s is kept", name)
			}
		}
	})
	for _, serial := range []string{"", "x", "-1", "0"} {
		if _, err := ca.RevocationList([]radio.Certificate{{Serial: serial}}, nil); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("serial %q: %v", serial, err)
		}
	}
}

// TestServerFiles: a broker beside the centre gets a certificate for the same names and a
// key of its own.
func TestServerFiles(t *testing.T) {
	ca, err := OpenCA(t.TempDir()+"/ca", "Hà Tĩnh", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ca.Server([]string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for range 2 {
		if err := ca.ServerFiles(dir, []string{"localhost", "127.0.0.1"}); err != nil {
			t.Fatal(err)
		}
	}
	beside := &CA{cert: ca.cert, dir: dir, now: time.Now}
	got, err := beside.loadServer()
	if err != nil {
		t.Fatal(err)
	}
	if !beside.serverFits(got.Leaf, []string{"localhost", "127.0.0.1"}) || got.Leaf.Equal(own.Leaf) {
		t.Errorf("%+v", got.Leaf.Subject)
	}
	if again, err := ca.Server([]string{"localhost"}); err != nil || !again.Leaf.Equal(own.Leaf) {
		t.Error("the centre's own certificate changed")
	}
}
