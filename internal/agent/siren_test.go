package agent

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"loaxa/internal/agent/cache"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

// The built-in siren is what its description says, decodes whole as the player does it,
// and is opened without being in the cache.
func TestStandIn(t *testing.T) {
	r := standIn()
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	store, err := cache.Open(cache.Options{Path: filepath.Join(t.TempDir(), "cache.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	f, err := shelf{store}.Open(r.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	walked, err := sound.Walk(bytes.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	if walked.SHA256 != r.SHA256 || walked.Kbps != r.Kbps || walked.Bytes != r.Bytes || walked.Frames != r.Frames {
		t.Errorf("it is %+v, described as %+v", walked, r)
	}
	d, err := sound.NewDecoder(bytes.NewReader(got), sound.SpanOf(r))
	if err != nil {
		t.Fatal(err)
	}
	var samples int64
	for pcm := make([]int16, 4096); err == nil; {
		var n int
		n, err = d.Read(pcm)
		samples += int64(n)
	}
	if !errors.Is(err, io.EOF) || samples != r.Samples {
		t.Errorf("%d samples of %d: %v", samples, r.Samples, err)
	}
	if _, err := (shelf{store}).Open(radio.VoiceHash([]byte("another"))); err == nil {
		t.Error("what is not in the cache is opened")
	}
}
