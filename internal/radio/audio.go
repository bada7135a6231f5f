package radio

import (
	"fmt"
	"time"
)

// The house format (design §4): MPEG-1 Layer III, 44.1 kHz, mono, CBR, no bit
// reservoir, no Xing frame, no tags.
const (
	// SampleRate of the house format and of every stream, in samples a second.
	SampleRate = 44100
	// FrameSamples is the length of one MPEG-1 Layer III frame in samples.
	FrameSamples = 1152
	// MaxFrames bounds one audio: 60 minutes.
	MaxFrames = 60 * 60 * SampleRate / FrameSamples
	// MaxAudioBytes bounds one rendition: 60 minutes at 64 kbit/s, with a margin.
	MaxAudioBytes = 30 << 20
	// MainKbps and LightKbps are the bit rates of the two renditions.
	MainKbps  = 64
	LightKbps = 32
)

// Rendition is one file in house format, checked by walking and decoding it.
type Rendition struct {
	SHA256 SHA256 `json:"sha256"`
	Kbps   int    `json:"kbps"`  // 64 or 32
	Bytes  int64  `json:"bytes"` // size of the file
	Frames int    `json:"frames"`
	// Samples that sound: Frames×1152 − Head − Tail.
	Samples int64 `json:"samples"`
	// Head and Tail are the samples of encoder and decoder delay and of padding
	// that playout trims at the beginning and the end.
	Head int `json:"head"`
	Tail int `json:"tail"`
}

// Duration that sounds.
func (r Rendition) Duration() time.Duration { return SamplesDuration(r.Samples) }

// SamplesDuration is the time n samples take at SampleRate.
func SamplesDuration(n int64) time.Duration {
	return time.Duration(n) * time.Second / SampleRate
}

// DurationSamples is the number of whole samples in d, rounded to the nearest.
func DurationSamples(d time.Duration) int64 {
	whole, rest := int64(d/time.Second), d%time.Second
	return whole*SampleRate + (int64(rest)*SampleRate+int64(time.Second)/2)/int64(time.Second)
}

// Check refuses a rendition whose numbers do not belong together.
func (r Rendition) Check() error {
	switch {
	case !r.SHA256.Valid():
		return fmt.Errorf("%w: rendition sha256 %q", ErrInvalid, clip(string(r.SHA256)))
	case r.Kbps != MainKbps && r.Kbps != LightKbps:
		return fmt.Errorf("%w: rendition of %d kbit/s, want %d or %d", ErrInvalid, r.Kbps, MainKbps, LightKbps)
	case r.Frames < 1 || r.Frames > MaxFrames:
		return fmt.Errorf("%w: rendition of %d frames", ErrInvalid, r.Frames)
	case r.Bytes < 1 || r.Bytes > MaxAudioBytes:
		return fmt.Errorf("%w: rendition of %d bytes", ErrInvalid, r.Bytes)
	case r.Head < 0 || r.Tail < 0 || r.Samples < 1 ||
		r.Samples != int64(r.Frames)*FrameSamples-int64(r.Head)-int64(r.Tail):
		return fmt.Errorf("%w: rendition samples %d do not match %d frames, head %d, tail %d",
			ErrInvalid, r.Samples, r.Frames, r.Head, r.Tail)
	}
	return nil
}
