package library

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/radio"
)

// What a house-format file sounds like (design §4).
const (
	targetLUFS = radio.TargetLUFS
	// peakLimit is the true peak nobody may pass; peakAim leaves room for another
	// meter to differ.
	peakLimit = radio.PeakLimitDBTP
	peakAim   = -1.1
	maxPasses = 3
	// firstCeiling of the limiter, in dBTP: the encoder raises the peaks of speech by
	// 1 to 2 dB at 32 kbit/s, and decoding both renditions is the dear part of a pass.
	firstCeiling = -3.0
	// masterLUFS is over the target by what the encoder takes away: LAME scales its
	// input by 0.95 at these bit rates, and leaves out the top octave (measured: 0.6).
	masterLUFS = targetLUFS + 0.6
	masterName = "master.wav"
)

// take is one pass: both renditions of one master.
type take struct {
	renditions [2]verified
	lufs       float64
	truePeak   float64 // the higher of the two
}

// master brings the decoded source to loudness and encodes it, at most maxPasses
// times: the encoder raises peaks by up to 2 dB, so that only what comes out of the
// decoder counts. True peak outranks loudness.
func master(ctx context.Context, j job, source sourceSound) (take, error) {
	ceiling := firstCeiling
	var best take
	for pass := 1; pass <= maxPasses; pass++ {
		t, err := oneTake(ctx, j, source, ceiling)
		if err != nil {
			return take{}, err
		}
		if better(t, best) {
			best = t
			if err := best.keep(j); err != nil {
				return take{}, err
			}
		}
		over := t.truePeak - peakAim
		switch {
		case over > 0:
			// Overshoot differs from pass to pass: each time with a wider margin.
			ceiling -= over + 0.4*float64(pass)
		case t.lufs < targetLUFS-1 && over < -0.5:
			ceiling -= over + 0.3 // too quiet, with room for higher peaks
		default:
			return best, nil
		}
	}
	if best.truePeak > peakLimit {
		return take{}, fmt.Errorf("true peak stays at %.1f dBTP after %d passes", best.truePeak, maxPasses)
	}
	return best, nil
}

// better prefers a true peak under the limit, then the loudness nearer the target.
func better(a, b take) bool {
	if b.renditions[0].Frames == 0 {
		return true
	}
	if aOver, bOver := a.truePeak > peakLimit, b.truePeak > peakLimit; aOver || bOver {
		return bOver && a.truePeak < b.truePeak
	}
	return math.Abs(a.lufs-targetLUFS) < math.Abs(b.lufs-targetLUFS)
}

// keep gives the files of a take their final names.
func (t take) keep(j job) error {
	for _, r := range t.renditions {
		if err := os.Rename(filepath.Join(j.Dir, takeName(r.Kbps)), filepath.Join(j.Dir, renditionName(r.Kbps))); err != nil {
			return fmt.Errorf("keep the %d kbit/s rendition: %w", r.Kbps, err)
		}
	}
	return nil
}

func takeName(kbps int) string { return fmt.Sprintf("take-%d.mp3", kbps) }

// oneTake writes the master at a gain and ceiling, and encodes and checks both
// renditions of it at the same time.
func oneTake(ctx context.Context, j job, source sourceSound, ceilingDB float64) (take, error) {
	if err := loudMaster(ctx, j, source, ceilingDB); err != nil {
		return take{}, err
	}
	reference, err := readReference(j, source)
	if err != nil {
		return take{}, err
	}
	var t take
	g, ctx := errgroup.WithContext(ctx)
	for i, kbps := range []int{radio.MainKbps, radio.LightKbps} {
		g.Go(func() error {
			if err := encode(ctx, j, kbps); err != nil {
				return err
			}
			v, err := verify(ctx, filepath.Join(j.Dir, takeName(kbps)), kbps, source.samples, reference)
			t.renditions[i] = v
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return take{}, err
	}
	t.lufs = t.renditions[0].lufs
	t.truePeak = max(t.renditions[0].truePeak, t.renditions[1].truePeak)
	return t, nil
}

// loudMaster writes the master at the target loudness, as far as the ceiling lets
// it. The limiter takes loudness away, so that the gain is found by trying; more
// than 10 dB into the limiter would flatten speech.
func loudMaster(ctx context.Context, j job, source sourceSound, ceilingDB float64) error {
	gain := masterLUFS - source.lufs
	most := gain + 10
	slope := 0.6 // LU a dB of gain, to begin with
	var gainBefore, before float64
	for try := 0; ; try++ {
		samples, lufs, err := writeMaster(ctx, j, gain, ceilingDB)
		if err != nil {
			return err
		}
		if samples != source.samples {
			return fmt.Errorf("master has %d samples, the source %d", samples, source.samples)
		}
		short := masterLUFS - lufs
		if math.Abs(short) < 0.2 || gain == most || try == 4 {
			return nil // the take's own measure decides what it is worth
		}
		if try > 0 {
			slope = min(max((lufs-before)/(gain-gainBefore), 0.2), 1)
		}
		gainBefore, before = gain, lufs
		gain = min(gain+short/slope, most)
	}
}

// encode runs the one encoder command of the house (design §4).
func encode(ctx context.Context, j job, kbps int) error {
	result, err := runTool(ctx, j, nil, j.Tools.FFmpeg, "-nostdin", "-v", "error", "-y",
		"-protocol_whitelist", "file,pipe", "-i", masterName, "-map", "0:a:0", "-vn",
		"-ar", strconv.Itoa(radio.SampleRate), "-ac", "1", "-c:a", "libmp3lame", "-b:a", strconv.Itoa(kbps)+"k",
		"-reservoir", "0", "-write_xing", "0", "-id3v2_version", "0", "-write_id3v1", "0",
		"-map_metadata", "-1", "-f", "mp3", takeName(kbps))
	if err != nil {
		return fmt.Errorf("encode at %d kbit/s: %w", kbps, err)
	}
	if result.failed {
		return fmt.Errorf("encode at %d kbit/s: %s", kbps, result.says)
	}
	return nil
}

const wavHeaderBytes = 44

// writeMaster limits the decoded source into a 16-bit WAV; it gives its samples and
// its loudness.
func writeMaster(ctx context.Context, j job, gainDB, ceilingDB float64) (_ int64, lufs float64, err error) {
	fail := func(err error) (int64, float64, error) { return 0, 0, fmt.Errorf("write the master: %w", err) }
	in, err := os.Open(filepath.Join(j.Dir, decodedName))
	if err != nil {
		return fail(err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return fail(err)
	}
	f, err := os.Create(filepath.Join(j.Dir, masterName))
	if err != nil {
		return fail(err)
	}
	defer func() {
		if closeErr := f.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("write the master: %w", closeErr)
		}
	}()
	if _, err := f.Write(wavHeader(info.Size() / 4)); err != nil {
		return fail(err)
	}
	w := masterWriter{out: f, meter: newMeter()}
	l := newLimiter(gainDB, ceilingDB)
	ready := make([]float64, 0, blockSamples)
	err = eachBlock(contextReader{ctx, in}, func(block []float64) error {
		ready = ready[:0]
		for _, x := range block {
			ready = l.push(x, ready)
		}
		return w.write(ready)
	})
	if err == nil {
		err = w.write(l.flush(ready[:0]))
	}
	if err != nil {
		return fail(err)
	}
	return w.samples, w.meter.lufs(), nil
}

// masterWriter rounds to 16 bits, counts and measures.
type masterWriter struct {
	out     io.Writer
	meter   *meter
	samples int64
	bytes   []byte
}

func (w *masterWriter) write(block []float64) error {
	w.meter.addLoudness(block)
	w.samples += int64(len(block))
	w.bytes = w.bytes[:0]
	for _, y := range block {
		v := int16(math.Round(min(max(y*32768, -32768), 32767)))
		w.bytes = binary.LittleEndian.AppendUint16(w.bytes, uint16(v))
	}
	_, err := w.out.Write(w.bytes)
	return err
}

// wavHeader is the 44-byte header of a 16-bit mono WAV of so many samples.
func wavHeader(samples int64) []byte {
	h := make([]byte, 0, wavHeaderBytes)
	data := uint32(samples * 2)
	h = append(h, "RIFF"...)
	h = binary.LittleEndian.AppendUint32(h, 36+data)
	h = append(h, "WAVEfmt "...)
	h = binary.LittleEndian.AppendUint32(h, 16)
	h = binary.LittleEndian.AppendUint16(h, 1) // PCM
	h = binary.LittleEndian.AppendUint16(h, 1) // mono
	h = binary.LittleEndian.AppendUint32(h, radio.SampleRate)
	h = binary.LittleEndian.AppendUint32(h, radio.SampleRate*2)
	h = binary.LittleEndian.AppendUint16(h, 2)
	h = binary.LittleEndian.AppendUint16(h, 16)
	h = append(h, "data"...)
	return binary.LittleEndian.AppendUint32(h, data)
}

// excerpt is a stretch of the master where it is loudest.
type excerpt struct {
	from int64
	pcm  []int16
}

// readReference reads the half second around the loudest place of the master.
func readReference(j job, source sourceSound) (excerpt, error) {
	f, err := os.Open(filepath.Join(j.Dir, masterName))
	if err != nil {
		return excerpt{}, fmt.Errorf("read the master: %w", err)
	}
	defer f.Close()
	from := max(source.loudest-2*stepSamples, 0)
	b := make([]byte, 2*min(5*stepSamples, source.samples-from))
	if _, err := f.ReadAt(b, wavHeaderBytes+2*from); err != nil && err != io.EOF {
		return excerpt{}, fmt.Errorf("read the master: %w", err)
	}
	e := excerpt{from: from, pcm: make([]int16, len(b)/2)}
	for i := range e.pcm {
		e.pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return e, nil
}
