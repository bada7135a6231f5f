package mqtt

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestFrame(t *testing.T) {
	for _, tc := range []struct {
		name   string
		stream string
		ok     bool
	}{
		{"packets one after the other", "\x20\x02\x00\x00\x90\x03\x00\x01\x01\xd0\x00\x30\x03\x00\x01a", true},
		{"the largest", "\x32\x80\x80\x10", true},
		{"one byte more", "\x32\x81\x80\x10", false},
		{"length in five bytes", "\x32\x80\x80\x80\x80\x00", false},
		{"SUBACK for two filters", "\x90\x04\x00\x01\x01\x01", false},
		{"such a SUBACK later", "\x30\x03\x00\x01a\x90\x04", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var f frame
			if err := f.check([]byte(tc.stream)); (err == nil) != tc.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{0x20, 2, 0, 0, 0x90, 3, 0, 1, 1}, 1)
	f.Add([]byte{0x90, 4, 0, 1, 1, 1}, 2)
	f.Add([]byte{0x32, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3}, 3)
	f.Add([]byte{0xd0, 0}, 1)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		var whole, pieces frame
		bad := whole.check(b)
		if cut < 0 {
			cut = -(cut + 1)
		}
		cut = cut%7 + 1
		var badPieces error
		for rest := b; len(rest) > 0 && badPieces == nil; {
			n := min(cut, len(rest))
			badPieces = pieces.check(rest[:n])
			rest = rest[n:]
		}
		if (bad == nil) != (badPieces == nil) {
			t.Fatalf("whole: %v, in pieces of %d: %v", bad, cut, badPieces)
		}
		if bad == nil && whole != pieces {
			t.Fatalf("state differs: %+v, %+v", whole, pieces)
		}
		if bad == nil && (whole.body > MaxPacket || whole.body < 0) {
			t.Fatalf("waits for %d bytes", whole.body)
		}
	})
}

func TestLinkBoundsWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		l := newLink(client)
		begin := time.Now()
		if _, err := l.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != writeTimeout {
			t.Errorf("took %s", took)
		}
		l.drop()
		// Not net.ErrClosed, for which the library does nothing at all.
		if _, err := l.Read(make([]byte, 1)); !errors.Is(err, errDropped) {
			t.Errorf("after drop: %v", err)
		}
	})
}
