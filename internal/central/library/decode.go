package library

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

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
	sides      sides
	taken      mix
}

func (s sourceSound) seconds() float64 { return float64(s.samples) / radio.SampleRate }

// decodeSource decodes the upload into decodedName and measures it. Two channels
// become the mean of both, unless one alone says more.
func decodeSource(ctx context.Context, j job, in input) (sourceSound, error) {
	sound, err := decodeMix(ctx, j, in, bothSides)
	if err != nil {
		return sourceSound{}, err
	}
	if in.channels > 1 {
		if m := sound.sides.best(); m != bothSides {
			clips := sound.clips // seen on both sides before
			if sound, err = decodeMix(ctx, j, in, m); err != nil {
				return sourceSound{}, err
			}
			sound.clips = clips
		}
	}
	switch {
	case sound.samples < 4*stepSamples: // one block of loudness
		return sourceSound{}, refuse(CodeTooShort, "%.3f s", sound.seconds())
	case sound.lufs < -50:
		return sourceSound{}, refuse(CodeSilence, "%.1f LUFS", sound.lufs)
	}
	return sound, nil
}

// decodeMix runs ffmpeg over the upload once.
func decodeMix(ctx context.Context, j job, in input, m mix) (sourceSound, error) {
	var sound sourceSound
	channels := min(max(in.channels, 1), 2)
	args := append([]string{"-nostdin", "-v", "error", "-threads", "1", "-codec_whitelist", soundDecoders}, in.openArgs()...)
	args = append(args, "-map", "0:a:0", "-vn", "-sn", "-dn")
	if in.isAMR() {
		args = append(args, "-af", in.pauses(radio.SampleRate))
	}
	result, err := runTool(ctx, j, func(r io.Reader, earn func(time.Duration)) (err error) {
		s := scanner{limits: j.Limits, channels: channels, mix: m, earn: earn}
		sound, err = s.scan(r, filepath.Join(j.Dir, decodedName))
		return err
	}, j.Tools.FFmpeg, append(args, "-ar", strconv.Itoa(radio.SampleRate), "-ac", strconv.Itoa(channels), "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1")...)
	if err != nil {
		return sourceSound{}, err
	}
	if sound.samples == 0 {
		switch {
		case in.locked:
			return sourceSound{}, refuse(CodeEncrypted, "%s", result.says)
		case slices.Contains(result.denied, in.codec):
			return sourceSound{}, refuse(CodeUnsupportedCodec, "%s", in.codec)
		}
		return sourceSound{}, refuse(CodeDamaged, "%s", result.says)
	}
	sound.complaints, sound.taken = in.breaks, m
	if !in.isAMR() { // every pause is a complaint
		sound.complaints += result.complaints
	}
	return sound, nil
}

func decodeFreeFormat(ctx context.Context, j job, file string) (string, error) {
	const wav = "free-format.wav"
	if j.Tools.Mpg123 == "" {
		return "", fmt.Errorf("%w: a free-format MP3 needs mpg123 (Debian: apt-get install mpg123)", radio.ErrUnavailable)
	}
	j.Limits.CPU = min(j.Limits.CPU, time.Minute) // an hour takes it two seconds (measured)
	result, err := runTool(ctx, j, nil, j.Tools.Mpg123, "-q", "-w", wav, file)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(j.Dir, wav)); err != nil {
		return "", refuse(CodeDamaged, "%s", result.says)
	}
	return wav, nil
}

// scanner copies decoded samples to a file, mixed to one channel, while it measures
// them, and stops at the limit of length.
type scanner struct {
	limits   Limits
	channels int
	mix      mix
	earn     func(time.Duration) // lets the decoder have processor time
}

func (s scanner) scan(r io.Reader, path string) (_ sourceSound, err error) {
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
		m       = newMeter()
		watch   silenceWatch
		clips   [2]clipWatch
		sound   sourceSound
		most    = s.limits.maxSamples()
		left    = make([]float64, 0, blockSamples)
		right   = make([]float64, 0, blockSamples)
		encoded = make([]byte, 0, 4*blockSamples)
	)
	err = eachBlock(r, func(block []float64) error {
		mono := block
		if s.channels == 2 {
			left, right = split(block, left, right)
			clips[0].see(left)
			clips[1].see(right)
			sound.sides.see(left, right)
			mono = s.mix.apply(left, right, block[:0])
		} else {
			clips[0].see(block)
		}
		if sound.samples += int64(len(mono)); sound.samples > most {
			return refuse(CodeTooLong, "over %d s", most/radio.SampleRate)
		}
		// Slower than four times realtime, a decoder does not decode but burns.
		s.earn(firstCPU + time.Duration(sound.seconds()/4*float64(time.Second)))
		m.addLoudness(mono)
		watch.see(mono)
		encoded = encoded[:0]
		for _, x := range mono {
			encoded = binary.LittleEndian.AppendUint32(encoded, math.Float32bits(float32(x)))
		}
		if _, err := f.Write(encoded); err != nil {
			return fmt.Errorf("keep decoded sound: %w", err)
		}
		return nil
	})
	if err != nil {
		return sourceSound{}, err
	}
	sound.lufs, sound.loudest = m.lufs(), m.loudestStep()
	sound.clips, sound.silence = max(clips[0].clips, clips[1].clips), max(watch.longest, watch.quiet)
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

// clipWatch counts runs of samples at full scale.
type clipWatch struct{ full, clips int }

func (w *clipWatch) see(block []float64) {
	const (
		fullScale = 0.9999
		run       = 3
	)
	for _, x := range block {
		if math.Abs(x) < fullScale {
			w.full = 0
		} else if w.full++; w.full == run {
			w.clips++
		}
	}
}

// silenceWatch finds the longest run without sound.
type silenceWatch struct{ quiet, longest int64 }

func (w *silenceWatch) see(block []float64) {
	const noSound = 0.000316 // −70 dBFS
	for _, x := range block {
		if math.Abs(x) < noSound {
			w.quiet++
		} else if w.quiet > 0 {
			w.longest, w.quiet = max(w.longest, w.quiet), 0
		}
	}
}

// warnings puts what decoding showed into codes.
func (s sourceSound) warnings(in input) []string {
	var w []string
	most := 2 // complaints that a sound file may cause
	// A frame or two of encoder delay must not make a jingle look cut off.
	if slack := 0.06; in.cut || in.declared > 0 && s.seconds()+slack < 0.98*in.declared {
		w = append(w, WarnCutOff)
		most = 5 // half a frame at the end makes three
	}
	if s.complaints > most {
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
	return append(w, s.sides.warnings(s.taken)...)
}
