package agent

import (
	"bytes"
	_ "embed"
	"io"

	"loaxa/internal/agent/cache"
	"loaxa/internal/agent/playout"
	"loaxa/internal/radio"
)

// siren is the siren of the emergency set as it is shipped, at 32 kbit/s (audio/make.sh
// writes it out, and the test of the set holds the two together). A controller that was
// put up in the storm, before any of its set could come, is not mute then.
//
//go:embed siren.mp3
var siren []byte

// standIn describes it.
func standIn() radio.Rendition {
	return radio.Rendition{SHA256: "d8b0d8735cb2924c0bad738200bca10ac04c41f87494f1b2bd05abf151adb9d9", Kbps: radio.LightKbps,
		Bytes: 24137, Frames: 231, Samples: 264600, Head: 1105, Tail: 407}
}

// shelf is the cache in playout's terms, with the siren that needs none.
type shelf struct{ *cache.Store }

// Open gives verified audio.
func (s shelf) Open(sha radio.SHA256) (playout.AudioReader, error) {
	if sha == standIn().SHA256 {
		return io.NopCloser(bytes.NewReader(siren)), nil
	}
	return s.Store.Open(sha)
}
