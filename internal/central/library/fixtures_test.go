package library

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// speechlike gives samples with the ups and downs of speech: harmonics under
// syllables, the same on every run.
func speechlike(seconds, level float64) []float64 {
	const rate = 44100
	r := rand.New(rand.NewPCG(57, 2025))
	pcm := make([]float64, int(seconds*rate))
	for i := range pcm {
		t := float64(i) / rate
		syllable := math.Max(0, math.Sin(2*math.Pi*3*t)) * (0.6 + 0.4*math.Sin(2*math.Pi*0.7*t))
		voice := 0.0
		for h := 1.0; h <= 12; h++ {
			voice += math.Sin(2*math.Pi*(140+15*math.Sin(2*math.Pi*0.9*t))*h*t) / h
		}
		pcm[i] = level * syllable * (0.5*voice + 0.05*r.NormFloat64())
	}
	return pcm
}

// wavFile makes a 16-bit WAV of the same sound on every channel.
func wavFile(pcm []float64, rate, channels int) []byte {
	data := len(pcm) * 2 * channels
	b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(36+data))...)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*2))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*2))
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(data))
	for _, x := range pcm {
		for range channels {
			b = binary.LittleEndian.AppendUint16(b, uint16(int16(math.Round(min(max(x, -1), 1)*32767))))
		}
	}
	return b
}

// id3Bomb is 64 bytes that make a trusting reader allocate 256 MiB.
func id3Bomb() []byte {
	return append([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f"), make([]byte, 54)...)
}

func readTestFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fixture is an upload and how it must be judged.
type fixture struct {
	name     string
	data     []byte
	code     Code // refusal; empty means accepted
	seconds  float64
	slack    float64 // of seconds; 0 means the promised 0.1
	warnings []string
}

// makeFixtures makes uploads of all kinds, most from one short recording.
func makeFixtures(t testing.TB) []fixture {
	t.Helper()
	dir := t.TempDir()
	const seconds = 1.5
	speech := speechlike(seconds, 0.3)
	stereo := wavFile(speech, 44100, 2)
	if err := os.WriteFile(filepath.Join(dir, "in.wav"), stereo, 0o600); err != nil {
		t.Fatal(err)
	}
	made := func(name string, command ...string) []byte {
		tool(t, dir, command[0], append(command[1:], name)...)
		return readTestFile(t, filepath.Join(dir, name))
	}
	ff := func(name string, args ...string) []byte {
		return made(name, append([]string{"ffmpeg", "-nostdin", "-v", "error", "-y"}, args...)...)
	}
	vbr := made("vbr.mp3", "lame", "--quiet", "-V2", "in.wav")
	wrong := slices.Clone(vbr)
	at := bytes.Index(wrong, []byte("Xing"))
	if at < 0 {
		t.Fatal("no Xing frame in lame's VBR file")
	}
	binary.BigEndian.PutUint32(wrong[at+8:], 200_000)
	long := ff("long.mp3", "-f", "lavfi", "-i", "sine=300:d=17:r=8000", "-c:a", "libmp3lame", "-b:a", "8k")
	silent := ff("silent.mp3", "-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono:d=2", "-c:a", "libmp3lame")
	flood := bytes.Repeat([]byte{0xff, 0xfb, 0x90, 0x44}, 10_000)
	apart := bytes.Repeat(append([]byte{0xff, 0xfb, 0x90, 0xc4}, make([]byte, 413)...), 100) // whole frames of nothing
	tag := append([]byte("ID3\x04\x00\x00\x00\x00\x00\x14"), make([]byte, 20)...)
	endless := slices.Clone(stereo)
	binary.LittleEndian.PutUint32(endless[40:], 0xffffffff)
	quietThenSpeech := append(make([]float64, 11*44100), speech...)
	return []fixture{
		{name: "stereo.wav", data: stereo, seconds: seconds},
		{name: "endless.wav", data: endless, seconds: seconds},
		{name: "16k.wav", data: wavFile(speech, 16000, 1), seconds: seconds * 44100 / 16000},
		{name: "vbr.mp3", data: vbr, seconds: seconds},
		{name: "22k-32.mp3", data: made("22k.mp3", "lame", "--quiet", "--resample", "22.05", "-m", "m", "-b", "32", "in.wav"), seconds: seconds},
		{name: "11k.mp3", data: made("11k.mp3", "lame", "--quiet", "--resample", "11.025", "-m", "m", "in.wav"), seconds: seconds + 0.1}, // long frames: more padding
		{name: "free.mp3", data: made("free.mp3", "lame", "--quiet", "--freeformat", "-b", "200", "in.wav"), seconds: seconds},
		{name: "two tags.mp3", data: slices.Concat(tag, tag, vbr), seconds: seconds},
		{name: "junk first.mp3", data: append(bytes.Repeat([]byte{1, 2, 3}, 500), vbr...), seconds: seconds},
		{name: "aac as.mp3", data: ff("a.m4a", "-i", "in.wav", "-c:a", "aac"), seconds: seconds},
		{name: "ogg", data: ff("a.ogg", "-i", "in.wav"), seconds: seconds},
		{name: "flac", data: ff("a.flac", "-i", "in.wav"), seconds: seconds},
		{name: "video.mp4", data: ff("v.mp4", "-i", "in.wav", "-f", "lavfi", "-i", "color=s=16x16:d=1", "-pix_fmt", "yuv420p"), seconds: seconds},
		{name: "cut.mp3", data: vbr[:len(vbr)*2/3], seconds: seconds * 2 / 3, warnings: []string{WarnCutOff}},
		{name: "cut.wav", data: stereo[:len(stereo)/2], seconds: seconds / 2, warnings: []string{WarnCutOff}},
		{name: "wrong Xing.mp3", data: wrong, seconds: seconds, warnings: []string{WarnCutOff}},
		{name: "clipped.wav", data: wavFile(speechlike(seconds, 5), 44100, 1), seconds: seconds, warnings: []string{WarnClipping}},
		{name: "very quiet.wav", data: wavFile(speechlike(seconds, 0.05), 44100, 1), seconds: seconds, warnings: []string{WarnVeryQuiet}},
		{name: "late.wav", data: wavFile(quietThenSpeech, 44100, 1), seconds: 11 + seconds, warnings: []string{WarnLongSilence}},

		{name: "empty.mp3", code: CodeEmpty},
		{name: "bomb.mp3", data: id3Bomb(), code: CodeID3Bomb},
		{name: "not sync-safe.mp3", data: append([]byte("ID3\x04\x00\x00\x00\x00\x80\x00"), vbr...), code: CodeID3Bomb},
		{name: "only a tag.mp3", data: tag, code: CodeNotAudio},
		{name: "page.mp3", data: []byte("\n <!DOCTYPE html><html><body>404</body></html>"), code: CodeHTML},
		{name: "text.mp3", data: []byte("Kính thưa bà con,\nđây là bản tin sáng.\n"), code: CodeText},
		{name: "playlist.mp3", data: []byte("#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\n/etc/passwd\n"), code: CodePlaylist},
		{name: "concat.mp3", data: []byte("ffconcat version 1.0\nfile /etc/passwd\n"), code: CodePlaylist},
		{name: "image.mp3", data: ff("i.png", "-f", "lavfi", "-i", "color=s=16x16", "-frames:v", "1"), code: CodeImage},
		{name: "document.mp3", data: []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"), code: CodeNotAudio},
		{name: "zeros.mp3", data: make([]byte, 40_000), code: CodeNotAudio},
		{name: "noise.mp3", data: randomBytes(20_000), code: CodeNotAudio},
		{name: "flood.mp3", data: flood, code: CodeHeaderFlood},
		{name: "frames of nothing.mp3", data: apart, code: CodeSilence},
		{name: "silent video.mp4", data: ff("m.mp4", "-f", "lavfi", "-i", "color=s=16x16:d=1", "-pix_fmt", "yuv420p"), code: CodeVideoWithoutSound},
		{name: "cut.m4a", data: readTestFile(t, filepath.Join(dir, "a.m4a"))[:2000], code: CodeIncomplete},
		{name: "silent.mp3", data: silent, code: CodeSilence},
		{name: "short.wav", data: wavFile(speech[:4000], 44100, 1), code: CodeTooShort},
		{name: "too long.mp3", data: long, code: CodeTooLong}, // 17 s; the test's limit is 16
		{name: "too large.wav", data: append(slices.Clone(stereo), make([]byte, 2<<20)...), code: CodeTooLarge},
	}
}

func randomBytes(n int) []byte {
	r := rand.NewChaCha8([32]byte{57})
	b := make([]byte, n)
	r.Read(b)
	return b
}
