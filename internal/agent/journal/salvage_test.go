package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"loaxa/internal/radio"
)

// Old pages of a damaged file still hold an airing in progress and its mark without a
// result. When the result was read too, in any copy, the airing has ended: taken for
// one cut off by a power cut, it would get a second, wrong result.
func TestRescueDoesNotReopenWhatHasItsResult(t *testing.T) {
	began, _, result := airing(1)
	began.Seq, result.Seq = 1, 2
	id := began.Airing.ID
	open, err := json.Marshal(openAiring{Airing: *began.Airing, Consumed: 441})
	if err != nil {
		t.Fatal(err)
	}
	stale := func() map[string]aged {
		return map[string]aged{
			string(key(keyOpen, string(id))):   {gen: 1, data: open},
			string(key(keyAiring, string(id))): {gen: 1, data: append(binary.BigEndian.AppendUint64(nil, 1), 0)},
		}
	}
	cases := map[string]salvage{
		"result to be sent":       {values: stale(), records: []radio.Record{began, result}, ended: map[radio.AiringID]bool{id: true}},
		"result was acknowledged": {values: stale(), ended: map[radio.AiringID]bool{id: true}},
	}
	for name, found := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			found.dropEnded()
			if err := found.write(path); err != nil {
				t.Fatal(err)
			}
			s, err := Open(Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			list, _, err := s.Unfinished(t.Context())
			if err != nil || len(list) != 0 {
				t.Errorf("unfinished %v, %v", list, err)
			}
			if begun, err := s.Begun(id); err != nil || !begun {
				t.Errorf("begun %t, %v: it could sound twice", begun, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A whole file: the result is found by reading it.
func TestRescueFindsResults(t *testing.T) {
	l := newLab(t)
	began, _, result := airing(1)
	l.write(t, began)
	l.write(t, result)
	if err := l.Ack(t.Context(), l.Status().ID, 2, nil); err != nil {
		t.Fatal(err)
	}
	f, _, err := readImage(l.path)
	if err != nil {
		t.Fatal(err)
	}
	if s := salvageFrom(f); !s.ended[began.Airing.ID] || len(s.records) != 0 {
		t.Errorf("ended %v, records %v", s.ended, s.records)
	}
}

// Copy on write leaves the document before the last in the file. It was overtaken,
// perhaps to take a bulletin off the air: silence until the centre is heard is right,
// the older one is not. Only the keyring may be older: it names the brokers, and without
// it nobody could be heard at all.
func TestRescueBringsNoOvertakenDocumentBack(t *testing.T) {
	for name, want := range map[string]int64{"programme": 0, "policy": 0, "settings": 0, "keys": 1} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			set := func(name string, revision int64, payload []byte) {
				if err := l.SetDocument(t.Context(), radio.Issued{Document: name, Revision: revision, Payload: payload}); err != nil {
					t.Fatal(err)
				}
			}
			set("other", 7, []byte("whole"))
			set(name, 1, bytes.Repeat([]byte("a"), 3000))
			set(name, 2, bytes.Repeat([]byte("q"), 3000))
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			f, err := os.ReadFile(l.path)
			if err != nil {
				t.Fatal(err)
			}
			f = bytes.ReplaceAll(f, []byte("cXFxcXFx"), []byte("cXFxcXFy")) // base64 of q…
			if err := os.WriteFile(l.path, f, 0o600); err != nil {
				t.Fatal(err)
			}
			l.open(t)
			if r, was := l.Rescued(); !was || r.Documents != 1+int(want) {
				t.Errorf("rescue %+v, %t", r, was)
			}
			d, err := l.Document(name)
			if d.Revision != want || (want == 0) != isNotFound(err) {
				t.Errorf("revision %d, %v, want %d", d.Revision, err, want)
			}
			if d, err := l.Document("other"); err != nil || d.Revision != 7 {
				t.Errorf("another document: %+v, %v", d, err)
			}
		})
	}
}
