package library

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// input is an upload ready to be decoded: which file ffmpeg opens, and how.
type input struct {
	sniffed
	file     string // in the job's folder
	codec    string // ffprobe's name; empty for MPEG audio
	channels int
	breaks   int     // in the stream of frames
	fill     float64 // seconds that a recording with pauses lasts; 0 when unknown
}

// openArgs are the options that open the input and nothing else: one named reader,
// also for what it finds inside, and only files.
func (in input) openArgs() []string {
	args := []string{
		"-protocol_whitelist", "file,pipe", "-format_whitelist", in.demuxer, "-max_streams", "100", "-f", in.demuxer,
	}
	if in.skip > 0 {
		args = append(args, "-skip_initial_bytes", strconv.FormatInt(in.skip, 10))
	}
	return append(args, "-i", in.file)
}

// soundDecoders are the decoders of ffmpeg's that uploads may use: what recorders,
// phones, editors and broadcasters write. Pictures stay undecoded: they cost memory
// and are the part of ffmpeg with the most faults. (ffprobe cannot be told: it ends
// at the first stream whose decoder it may not open.)
var soundDecoders = strings.Join([]string{
	"mp3float", "mp3", "mp2float", "mp2", "mp1float", "mp1",
	"aac", "aac_latm", "alac", "vorbis", "libvorbis", "opus", "libopus", "flac", "speex", "libspeex",
	"amrnb", "libopencore_amrnb", "amrwb", "libopencore_amrwb", "evrc", "qcelp", "gsm", "gsm_ms", "libgsm", "libgsm_ms", "ilbc",
	"wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice", "ac3", "eac3", "dca", "truehd", "mlp",
	"wavpack", "ape", "tta", "tak", "shorten", "cook", "ralf", "nellymoser", "truespeech",
	"adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_swf", "adpcm_yamaha", "adpcm_ct", "g722", "g726", "g726le", "g729", "g723_1",
	"pcm_alaw", "pcm_mulaw", "pcm_s8", "pcm_u8", "pcm_s8_planar", "pcm_s16le", "pcm_s16be", "pcm_s16le_planar", "pcm_s16be_planar",
	"pcm_u16le", "pcm_u16be", "pcm_s24le", "pcm_s24be", "pcm_s24le_planar", "pcm_u24le", "pcm_u24be", "pcm_s32le", "pcm_s32be",
	"pcm_s32le_planar", "pcm_u32le", "pcm_u32be", "pcm_s64le", "pcm_s64be", "pcm_f16le", "pcm_f24le", "pcm_f32le", "pcm_f32be",
	"pcm_f64le", "pcm_f64be", "pcm_bluray", "pcm_dvd", "pcm_lxf", "pcm_vidc", "s302m",
}, ",")

// openUpload makes an upload ready: MPEG audio is walked by ourselves, of anything else
// ffprobe lists the streams.
func openUpload(ctx context.Context, j job, f *os.File, size int64, s sniffed) (input, error) {
	in := input{sniffed: s, file: sourceName}
	if s.mpeg != nil {
		return openMPEG(ctx, j, f, size, in)
	}
	if s.kind == kindAMR {
		return openAMR(contextReaderAt{ctx, f}, size, j.Limits, in)
	}
	if j.Tools.FFprobe == "" {
		return input{}, fmt.Errorf("%w: ffprobe is missing beside ffmpeg", radio.ErrUnavailable)
	}
	in, err := probe(ctx, j, in)
	if in.isAMR() && !in.cut && in.declared <= float64(j.Limits.Seconds) {
		in.fill = in.declared
	}
	return in, err
}

// openMPEG leaves everything that is no frame behind, in a second file where there
// is any, and lets mpg123 decode free format, which ffmpeg cannot read (measured).
func openMPEG(ctx context.Context, j job, f *os.File, size int64, in input) (input, error) {
	const framesName = "frames.mp3"
	most := float64(j.Limits.Seconds) + 2 // encoder delay and padding are trimmed later
	r := contextReaderAt{ctx, f}
	walked, err := walkMPEG(r, size, *in.mpeg, most, func([]byte) error { return nil })
	switch {
	case err != nil:
		return input{}, err
	case walked.seconds > most:
		return input{}, refuse(CodeTooLong, "over %d s", j.Limits.Seconds)
	}
	in.breaks, in.channels = walked.breaks, 1
	if walked.stereo {
		in.channels = 2
	}
	if !walked.clean {
		in.file = framesName
		if err := writeFrames(filepath.Join(j.Dir, framesName), r, size, *in.mpeg, most); err != nil {
			return input{}, err
		}
	}
	if in.mpeg.first.free {
		if in.file, err = decodeFreeFormat(ctx, j, in.file); err != nil {
			return input{}, err
		}
		in.kind = kindWAV
	}
	return in, nil
}

func writeFrames(path string, r io.ReaderAt, size int64, s mpegStream, most float64) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("keep the frames: %w", err)
	}
	out := bufio.NewWriterSize(f, 256<<10)
	_, err = walkMPEG(r, size, s, most, func(frame []byte) error {
		_, err := out.Write(frame)
		return err
	})
	if err := errors.Join(err, out.Flush(), f.Close()); err != nil {
		return fmt.Errorf("keep the frames: %w", err)
	}
	return nil
}

// probed is what ffprobe lists.
type probed struct {
	Streams []probedStream `json:"streams"`
	Format  struct {
		Duration string `json:"duration"`
	} `json:"format"`
}

type probedStream struct {
	CodecType   string `json:"codec_type"`
	CodecName   string `json:"codec_name"`
	SampleRate  string `json:"sample_rate"`
	Channels    int    `json:"channels"`
	Duration    string `json:"duration"`
	Disposition struct {
		AttachedPic int `json:"attached_pic"`
	} `json:"disposition"`
	Tags struct {
		Duration string `json:"DURATION"`
	} `json:"tags"`
}

// probe asks ffprobe what streams a container holds, refuses one without sound or
// with impossible sound, and fills in channels and declared seconds.
func probe(ctx context.Context, j job, in input) (input, error) {
	var found probed
	quick := j
	quick.Limits.CPU = min(j.Limits.CPU, firstCPU)
	args := append([]string{
		"-v", "error", "-show_entries",
		"stream=codec_type,codec_name,sample_rate,channels,duration:stream_disposition=attached_pic:stream_tags=DURATION:format=duration", "-of", "json",
	}, in.openArgs()...)
	result, err := runTool(ctx, quick, func(r io.Reader, _ func(time.Duration)) error {
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
	}, j.Tools.FFprobe, args...)
	switch {
	case err != nil:
		return input{}, err
	case result.failed && in.locked:
		return input{}, refuse(CodeEncrypted, "%s", result.says)
	case result.failed:
		return input{}, refuse(CodeDamaged, "%s", result.says)
	}
	return in.judge(found)
}

// judge looks at the first stream of sound, which is the one that gets decoded.
func (in input) judge(found probed) (input, error) {
	pictures := false
	at := -1
	for i, stream := range found.Streams {
		switch {
		case stream.CodecType == "audio" && at < 0:
			at = i
		case stream.CodecType == "video" && stream.Disposition.AttachedPic == 0:
			pictures = true
		}
	}
	switch {
	case at < 0 && pictures:
		return input{}, refuse(CodeVideoWithoutSound, "")
	case at < 0:
		return input{}, refuse(CodeNoAudioStream, "")
	}
	sound := found.Streams[at]
	if sound.CodecName == "" || sound.CodecName == "unknown" || sound.CodecName == "none" {
		return input{}, refuse(CodeUnsupportedCodec, "unknown codec")
	}
	in.codec, in.channels = sound.CodecName, sound.Channels
	// A stream whose header could not be read has neither; decoding will say why.
	if rate, err := strconv.Atoi(sound.SampleRate); err == nil && rate != 0 && sound.Channels != 0 {
		if refused := checkFormat(rate, sound.Channels); refused != nil {
			return input{}, refused
		}
	}
	if in.length {
		in.declared = declaredSeconds(sound, found.Format.Duration, pictures)
	}
	return in, nil
}

// declaredSeconds gives the length of the stream itself, in a field or in a tag; of
// the whole file only when nothing else than the sound can be that long.
func declaredSeconds(sound probedStream, file string, pictures bool) float64 {
	if seconds, err := strconv.ParseFloat(sound.Duration, 64); err == nil {
		return usableSeconds(seconds)
	}
	var hours, minutes, seconds float64
	if _, err := fmt.Sscanf(sound.Tags.Duration, "%f:%f:%f", &hours, &minutes, &seconds); err == nil {
		return usableSeconds(hours*3600 + minutes*60 + seconds)
	}
	if seconds, err := strconv.ParseFloat(file, 64); err == nil && !pictures {
		return usableSeconds(seconds)
	}
	return 0
}

// usableSeconds turns nonsense into "declares nothing", which is no fault.
func usableSeconds(s float64) float64 {
	if s > 0 && s < math.MaxInt32 {
		return s
	}
	return 0
}
