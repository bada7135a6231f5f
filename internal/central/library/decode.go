package library

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"loaxa/internal/radio"
)

// decodedName is the source as mono 44.1 kHz in 32-bit floating point, which neither
// clips nor rounds before the gain is known.
const decodedName = "decoded.f32"

// sourceSound is what decoding the source showed.
type sourceSound struct {
	samples    int64
	lufs       float64
	loudest    int64 // sample where its loudest 100 ms begin
	clips      int   // runs of samples at full scale
	silence    int64 // longest run without sound, in samples
	complaints int
}

func (s sourceSound) seconds() float64 { return float64(s.samples) / radio.SampleRate }

// decodeSource decodes the upload into decodedName and measures it.
func decodeSource(ctx context.Context, j job, s sniffed) (sourceSound, error) {
	in := sourceName
	if s.freeFormat {
		// ffmpeg cannot read free format (measured); mpg123 can.
		wav, err := decodeFreeFormat(ctx, j)
		if err != nil {
			return sourceSound{}, err
		}
		in, s.kind = wav, kindWAV
	}
	var sound sourceSound
	result, err := runTool(ctx, j, func(r io.Reader) (err error) {
		sound, err = scan(r, filepath.Join(j.Dir, decodedName), j.Limits)
		return err
	}, j.Tools.FFmpeg, "-nostdin", "-v", "error", "-threads", "1", "-protocol_whitelist", "file,pipe",
		"-f", s.demuxer, "-i", in, "-map", "0:a:0", "-vn", "-sn", "-dn",
		"-ar", strconv.Itoa(radio.SampleRate), "-ac", "1", "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1")
	if err != nil {
		return sourceSound{}, err
	}
	sound.complaints = result.complaints
	switch {
	case sound.samples == 0:
		return sourceSound{}, refuse(CodeDamaged, "%s", result.says)
	case sound.samples < 4*stepSamples: // one block of loudness
		return sourceSound{}, refuse(CodeTooShort, "%.3f s", sound.seconds())
	case sound.lufs < -50:
		return sourceSound{}, refuse(CodeSilence, "%.1f LUFS", sound.lufs)
	}
	return sound, nil
}

func decodeFreeFormat(ctx context.Context, j job) (string, error) {
	const wav = "free-format.wav"
	if j.Tools.Mpg123 == "" {
		return "", fmt.Errorf("%w: a free-format MP3 needs mpg123 (Debian: apt-get install mpg123)", radio.ErrUnavailable)
	}
	result, err := runTool(ctx, j, nil, j.Tools.Mpg123, "-q", "-w", wav, sourceName)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(j.Dir, wav)); err != nil {
		return "", refuse(CodeDamaged, "%s", result.says)
	}
	return wav, nil
}

// scan copies decoded samples to a file while it measures them, and stops at the
// limit of length.
func scan(r io.Reader, path string, l Limits) (_ sourceSound, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return sourceSound{}, fmt.Errorf("keep decoded sound: %w", err)
	}
	defer func() {
		if closeErr := f.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("keep decoded sound: %w", closeErr)
		}
	}()
	var (
		m     = newMeter()
		watch scanWatch
		sound sourceSound
		most  = l.maxSamples()
	)
	bytes := make([]byte, 0, 4*blockSamples)
	err = eachBlock(r, func(block []float64) error {
		if sound.samples += int64(len(block)); sound.samples > most {
			return refuse(CodeTooLong, "over %d s", most/radio.SampleRate)
		}
		m.addLoudness(block)
		watch.see(block)
		bytes = bytes[:0]
		for _, x := range block {
			bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(float32(x)))
		}
		if _, err := f.Write(bytes); err != nil {
			return fmt.Errorf("keep decoded sound: %w", err)
		}
		return nil
	})
	if err != nil {
		return sourceSound{}, err
	}
	sound.lufs, sound.loudest = m.lufs(), m.loudestStep()
	sound.clips, sound.silence = watch.clips, max(watch.longest, watch.quiet)
	return sound, nil
}

// sane keeps forged floating point (NaN, infinity, 1e30) out of the filters.
func sane(x float32) float64 {
	const most = 8 // +18 dBFS: beyond what any real overshoot reaches
	if x != x {
		return 0
	}
	return float64(min(max(x, -most), most))
}

// blockSamples is how many samples are worked on at a time.
const blockSamples = 16 << 10

// eachBlock reads 32-bit floating point samples to the end of r; half a sample at
// the end is dropped.
func eachBlock(r io.Reader, do func([]float64) error) error {
	raw, block := make([]byte, 4*blockSamples), make([]float64, blockSamples)
	for {
		n, err := io.ReadFull(r, raw)
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return fmt.Errorf("read decoded sound: %w", err)
		}
		for i := range n / 4 {
			block[i] = sane(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		}
		if err := do(block[:n/4]); err != nil {
			return err
		}
		if ended {
			return nil
		}
	}
}

// scanWatch counts runs of samples at full scale and measures silence.
type scanWatch struct {
	full, clips    int
	quiet, longest int64
}

func (w *scanWatch) see(block []float64) {
	const (
		fullScale = 0.9999
		noSound   = 0.000316 // −70 dBFS
		clipRun   = 3
	)
	for _, x := range block {
		x = math.Abs(x)
		if x < fullScale {
			w.full = 0
		} else if w.full++; w.full == clipRun {
			w.clips++
		}
		if x < noSound {
			w.quiet++
		} else if w.quiet > 0 {
			w.longest, w.quiet = max(w.longest, w.quiet), 0
		}
	}
}

// warnings puts what decoding showed into codes; declared is in seconds.
func (s sourceSound) warnings(declared float64) []string {
	var w []string
	// A frame or two of encoder delay must not make a jingle look cut off.
	if slack := 0.06; declared > 0 && s.seconds()+slack < 0.98*declared {
		w = append(w, WarnCutOff)
	}
	if s.complaints >= 3 {
		w = append(w, WarnDamage)
	}
	// Now and then a peak touches full scale; clipped recordings do it all the time.
	if s.clips >= 10 && float64(s.clips) > s.seconds() {
		w = append(w, WarnClipping)
	}
	if s.lufs < -35 {
		w = append(w, WarnVeryQuiet)
	}
	if s.silence > 10*radio.SampleRate {
		w = append(w, WarnLongSilence)
	}
	return w
}

// probeSource asks ffprobe what streams a container holds, refuses one without
// sound, and gives the declared seconds where the format declares them.
func probeSource(ctx context.Context, j job, s sniffed) (float64, error) {
	var found struct {
		Streams []struct {
			CodecType   string `json:"codec_type"`
			Disposition struct {
				AttachedPic int `json:"attached_pic"`
			} `json:"disposition"`
		} `json:"streams"`
		Format struct {
			Duration string `json:"duration"`
		} `json:"format"`
	}
	result, err := runTool(ctx, j, func(r io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil {
			return fmt.Errorf("read ffprobe's answer: %w", err)
		}
		if len(text) == 0 {
			return nil // it says why on its error output
		}
		if err := json.Unmarshal(text, &found); err != nil {
			return refuse(CodeDamaged, "its streams cannot be listed")
		}
		return nil
	}, j.Tools.FFprobe, "-v", "error", "-protocol_whitelist", "file,pipe", "-f", s.demuxer,
		"-show_entries", "stream=codec_type:stream_disposition=attached_pic:format=duration", "-of", "json", sourceName)
	if err != nil {
		return 0, err
	}
	if result.failed {
		return 0, refuse(CodeDamaged, "%s", result.says)
	}
	kinds := make([]string, 0, len(found.Streams))
	for _, stream := range found.Streams {
		if stream.Disposition.AttachedPic == 0 {
			kinds = append(kinds, stream.CodecType)
		}
	}
	switch {
	case slices.Contains(kinds, "audio"):
	case slices.Contains(kinds, "video"):
		return 0, refuse(CodeVideoWithoutSound, "")
	default:
		return 0, refuse(CodeNoAudioStream, "")
	}
	if !s.length {
		return 0, nil
	}
	seconds, err := strconv.ParseFloat(found.Format.Duration, 64)
	if err != nil || math.IsNaN(seconds) || seconds < 0 {
		return 0, nil // the header declares nothing usable, which is no fault
	}
	return seconds, nil
}
