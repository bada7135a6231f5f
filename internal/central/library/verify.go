package library

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"loaxa/internal/radio"
	"loaxa/internal/sound"
)

// verified is a rendition that was walked and decoded with the agent's decoder.
type verified struct {
	radio.Rendition
	lufs, truePeak float64
	peaks          []byte // of its waveform
}

// verify checks what the encoder made of a master of so many samples: walked frame
// by frame, decoded whole, and lying where the head says it lies.
func verify(ctx context.Context, path string, kbps int, samples int64, reference excerpt) (verified, error) {
	f, err := os.Open(path)
	if err != nil {
		return verified{}, fmt.Errorf("check the %d kbit/s rendition: %w", kbps, err)
	}
	defer f.Close()
	walked, err := sound.Walk(contextReader{ctx, f})
	if err != nil {
		return verified{}, fmt.Errorf("check the %d kbit/s rendition: %w", kbps, err)
	}
	tail := int64(walked.Frames)*radio.FrameSamples - sound.EncoderHead - samples
	// An encoder that feeds other numbers is not the one whose head we know.
	if walked.Kbps != kbps || tail < 0 || tail > 3*radio.FrameSamples {
		return verified{}, fmt.Errorf("check the %d kbit/s rendition: %d frames of %d kbit/s for %d samples", kbps, walked.Frames, walked.Kbps, samples)
	}
	v, got, err := decodeWhole(ctx, f, walked, sound.EncoderHead, int(tail), reference)
	if err != nil {
		return verified{}, err
	}
	if off := misplaced(reference.pcm, got); off != 0 {
		return verified{}, fmt.Errorf("check the %d kbit/s rendition: it lies %d samples off its place; the encoder's head is not %d", kbps, off, sound.EncoderHead)
	}
	return v, nil
}

// alignReach is how far to each side misplaced looks, in samples.
const alignReach = 32

// decodeWhole decodes a walked file with the agent's decoder, measures it, and
// gives what sounds where the reference lies, with alignReach more on both sides.
func decodeWhole(ctx context.Context, f *os.File, w sound.Walked, head, tail int, reference excerpt) (verified, []int16, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return verified{}, nil, fmt.Errorf("read a rendition: %w", err)
	}
	v := verified{Rendition: radio.Rendition{
		SHA256: w.SHA256, Kbps: w.Kbps, Bytes: w.Bytes, Frames: w.Frames, Head: head, Tail: tail,
		Samples: int64(w.Frames)*radio.FrameSamples - int64(head) - int64(tail),
	}}
	d, err := sound.NewDecoder(bufio.NewReaderSize(contextReader{ctx, f}, 64<<10), sound.SpanOf(v.Rendition))
	if err != nil {
		return verified{}, nil, fmt.Errorf("decode a rendition: %w", err)
	}
	var (
		m    = newMeter()
		pcm  = make([]int16, radio.FrameSamples)
		wave = make([]float64, radio.FrameSamples)
		near = make([]int16, len(reference.pcm)+2*alignReach)
		from = reference.from - alignReach
		bars = waveform{samples: v.Samples}
	)
	for {
		at := d.Position()
		n, err := d.Read(pcm)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return verified{}, nil, fmt.Errorf("decode a rendition: %w", err)
		}
		for i, s := range pcm[:n] {
			wave[i] = float64(s) / 32768
			if k := at + int64(i) - from; k >= 0 && k < int64(len(near)) {
				near[k] = s
			}
		}
		bars.see(at, pcm[:n])
		m.add(wave[:n])
	}
	if d.Position() != v.Samples {
		return verified{}, nil, fmt.Errorf("decode a rendition: %d samples of %d", d.Position(), v.Samples)
	}
	v.lufs, v.truePeak, v.peaks = m.lufs(), m.peakDBTP(), bars.peaks()
	return v, near, nil
}

// misplaced compares the reference with what sounds around its place (alignReach
// more on both sides) and gives the lag that fits clearly better than none, 0 when
// none does.
func misplaced(reference, near []int16) int {
	correlate := func(lag int) float64 {
		sum := 0.0
		for i, r := range reference {
			sum += float64(r) * float64(near[i+alignReach+lag])
		}
		return sum
	}
	here := correlate(0)
	best, bestLag := here, 0
	for lag := -alignReach; lag <= alignReach; lag++ {
		if c := correlate(lag); c > best {
			best, bestLag = c, lag
		}
	}
	// Neighbouring lags of low sounds fit nearly as well; only a clear winner counts.
	if here >= 0.995*best {
		return 0
	}
	return bestLag
}
