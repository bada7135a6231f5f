package library

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// bench makes uploads with the tools that people use, all from one spoken sentence.
type bench struct {
	t   testing.TB
	dir string
}

// spokenSeconds is how long the sentence is.
const spokenSeconds = 1.5

// newBench has a voice say a sentence: in.wav is stereo at 44.1 kHz.
func newBench(t testing.TB) bench {
	b := bench{t, t.TempDir()}
	tool(t, b.dir, "espeak-ng", "-v", "vi", "-w", "voice.wav", "Kính thưa bà con, đây là bản tin sáng của đài truyền thanh xã.")
	b.ffmpeg("in.wav", "-i", "voice.wav", "-ac", "2", "-ar", "44100", "-t", fmt.Sprint(spokenSeconds))
	return b
}

func (b bench) read(name string) []byte { return readTestFile(b.t, filepath.Join(b.dir, name)) }

func (b bench) write(name string, data []byte) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), data, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// ffmpeg runs it with arguments that make the file of this name.
func (b bench) ffmpeg(name string, args ...string) []byte {
	b.t.Helper()
	tool(b.t, b.dir, "ffmpeg", append(append([]string{"-nostdin", "-v", "error", "-y"}, args...), name)...)
	return b.read(name)
}

// from converts the sentence.
func (b bench) from(name string, args ...string) []byte {
	b.t.Helper()
	return b.ffmpeg(name, append([]string{"-i", "in.wav"}, args...)...)
}

// lame encodes the sentence.
func (b bench) lame(args ...string) []byte {
	b.t.Helper()
	tool(b.t, b.dir, "lame", append(append([]string{"--quiet"}, args...), "in.wav", "lame.mp3")...)
	return b.read("lame.mp3")
}

// amr records the sentence as a phone does.
func (b bench) amr(name string, effects ...string) []byte {
	b.t.Helper()
	tool(b.t, b.dir, "sox", append([]string{"in.wav", "-r", "8000", "-c", "1", "-t", "amr-nb", name}, effects...)...)
	return b.read(name)
}

// good is an upload that must come through, whole and loud.
func good(name string, data []byte, warnings ...string) fixture {
	return fixture{name: name, data: data, seconds: spokenSeconds, warnings: warnings}
}

// TestFormats takes in the sentence in every format that is promised.
func TestFormats(t *testing.T) {
	needTools(t, "ffmpeg", "ffprobe", "mpg123", "lame", "sox", "espeak-ng")
	b := newBench(t)
	in := newIntake(t, nil)
	for _, list := range [][]fixture{b.mpegs(), b.tagged(), b.waves(), b.others(), b.videos(), b.phones(), b.channels(), b.cut()} {
		for _, f := range list {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				checkFixture(t, in, f)
			})
		}
	}
}

// mpegs: every MPEG version and sample rate, every kind of bit rate. Without LAME's
// head frame the encoder's delay and padding belong to the decoded length.
func (b bench) mpegs() []fixture {
	var all []fixture
	for _, rate := range []string{"8", "11.025", "12", "16", "22.05", "24", "32", "44.1", "48"} {
		all = append(all, good("VBR "+rate, b.lame("-V5", "--resample", rate)))
	}
	var khz float64
	for i, rate := range []string{"8", "11.025", "12", "16", "22.05", "24", "32", "44.1", "48"} {
		if _, err := fmt.Sscan(rate, &khz); err != nil {
			b.t.Fatal(err)
		}
		f := good("CBR without head frame "+rate, b.lame("-t", "-m", "m", "-b", []string{"32", "48", "64"}[i%3], "--resample", rate))
		f.seconds, f.slack = spokenSeconds+1105/khz/1000, 1152/khz/1000
		all = append(all, f)
	}
	return append(all,
		good("ABR", b.lame("--abr", "56", "--resample", "24")),
		good("320 joint stereo", b.lame("-b", "320", "-m", "j")),
		good("with checksums", b.lame("-p")),
		good("free format", b.lame("--freeformat", "-b", "400")),
		good("free format MPEG-2", b.lame("--freeformat", "-b", "180", "--resample", "22.05")),
		good("free format behind a tag", slices.Concat(id3Tag(3, 300), b.lame("--freeformat", "-b", "200"))),
		good("layer II", b.from("a.mp2", "-b:a", "192k")),
	)
}

// id3Tag is a tag of a version with a picture in it that looks like frames.
func id3Tag(version byte, bytes int) []byte {
	body := make([]byte, bytes)
	for i := range body[:bytes/2] {
		body[i] = "\xff\xfb\x90\x44\x00"[i%5]
	}
	tag := []byte{'I', 'D', '3', version, 0, 0, 0, 0, byte(bytes >> 7 & 0x7f), byte(bytes & 0x7f)}
	return append(tag, body...)
}

// apeTag is an APEv2 tag, header and footer, around a picture.
func apeTag(bytes int) []byte {
	header := append([]byte("APETAGEX\xd0\x07\x00\x00"), binary.LittleEndian.AppendUint32(nil, uint32(bytes+32))...)
	header = append(header, 1, 0, 0, 0, 0, 0, 0, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0)
	return slices.Concat(header, randomBytes(bytes), header)
}

// tagged: tags and junk before, between and behind the frames.
func (b bench) tagged() []fixture {
	mp3 := b.lame("-V4")
	plain := b.lame("-t", "-b", "64", "-m", "m")
	low := b.lame("-t", "-b", "32", "-m", "m", "--resample", "22.05")
	footer := id3Tag(4, 500)
	footer[5] = 0x10
	footer = append(footer, append([]byte("3DI"), footer[3:10]...)...)
	id3v1 := append([]byte("TAG"), make([]byte, 125)...)
	lyrics := []byte("LYRICSBEGININD0000200LYR00010[00:01]abc000055LYRICS200")
	// A real JPEG, whose bytes hold many false headers.
	cover := b.ffmpeg("cover.jpg", "-f", "lavfi", "-i", "testsrc2=s=640x480:d=1", "-frames:v", "1", "-q:v", "2")
	b.write("plain.mp3", mp3)
	pictured := b.ffmpeg("cover.mp3", "-i", "plain.mp3", "-i", "cover.jpg", "-map", "0:a", "-map", "1:v", "-c", "copy", "-id3v2_version", "3", "-write_id3v1", "1")
	twice := good("two files glued, tags between", slices.Concat(id3Tag(3, 900), plain, id3v1, id3Tag(4, 2000), plain))
	twice.seconds, twice.slack = 2*spokenSeconds+0.1, 0.15
	rates := good("two rates glued", slices.Concat(plain, low))
	rates.seconds, rates.slack = 2*spokenSeconds+0.1, 0.2
	return []fixture{
		good("ID3v2.2, 2.3, 2.4 with a footer", slices.Concat(id3Tag(2, 3000), id3Tag(3, 3000), footer, mp3)),
		good("cover picture", pictured),
		good("tags behind", slices.Concat(mp3, apeTag(20_000), lyrics, id3v1)),
		good("picture behind", slices.Concat(mp3, cover)),
		good("APE tag in front", slices.Concat(apeTag(100), mp3)),
		good("200 kB of junk in front", append(randomBytes(200_000), mp3...)),
		good("junk in the middle", slices.Concat(plain[:len(plain)/2], randomBytes(3000), plain[len(plain)/2:])),
		good("zeros behind", append(slices.Clone(mp3), make([]byte, 50_000)...)),
		vbri(b.t, b.lame("-t", "-V4")),
		twice, rates,
	}
}

// vbri puts a Fraunhofer head frame in front.
func vbri(t testing.TB, frames []byte) fixture {
	f, ok := parseMPEG(frames)
	if !ok {
		t.Fatal("no frame")
	}
	head := slices.Clone(frames[:max(f.size, 4+32+26)][:f.size])
	clear(head[4:])
	copy(head[36:], "VBRI\x00\x01")
	binary.BigEndian.PutUint32(head[36+14:], 100)
	return fixture{
		name: "VBRI that declares more", data: append(head, frames...), seconds: spokenSeconds + 0.08,
		warnings: []string{WarnCutOff},
	}
}

func (b bench) waves() []fixture {
	plain := b.read("in.wav")
	claims := slices.Clone(plain)
	at := bytes.Index(claims, []byte("data"))
	binary.LittleEndian.PutUint32(claims[at+4:], 4_000_000_000)
	streamed := slices.Clone(plain)
	binary.LittleEndian.PutUint32(streamed[4:], 0xffffffff)
	binary.LittleEndian.PutUint32(streamed[at+4:], 0xffffffff)
	chunky := slices.Concat(plain[:36], []byte("bext\x00\x00\x02\x00"), make([]byte, 128<<10), plain[36:])
	return []fixture{
		good("8 bits", b.from("a.wav", "-c:a", "pcm_u8")),
		good("24 bits, 96 kHz", b.from("a.wav", "-c:a", "pcm_s24le", "-ar", "96000")),
		good("32 bits", b.from("a.wav", "-c:a", "pcm_s32le")),
		good("float", b.from("a.wav", "-c:a", "pcm_f32le")),
		good("A-law", b.from("a.wav", "-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1")),
		good("µ-law", b.from("a.wav", "-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1")),
		good("ADPCM", b.from("a.wav", "-c:a", "adpcm_ima_wav")),
		good("MP3 in WAV", b.from("a.wav", "-c:a", "libmp3lame")),
		good("RF64", b.from("a.wav", "-rf64", "always")),
		good("Wave64", b.from("a.w64")),
		good("AIFF", b.from("a.aiff")),
		good("unknown size", streamed),
		good("claims 4 GB", claims, WarnCutOff),
		good("a long chunk before the sound", chunky),
	}
}

func (b bench) others() []fixture {
	he := b.from("he.m4a", "-c:a", "aac", "-ar", "22050", "-ac", "1")
	// ffmpeg writes the extension that says "no SBR"; saying "SBR, 44.1 kHz" makes the
	// decoder double the rate, as with HE-AAC.
	at := bytes.Index(he, []byte("\x56\xe5\x00"))
	if at < 0 {
		b.t.Fatal("no AAC extension in ffmpeg's file")
	}
	he[at+2] = 0x80 | 4<<3
	adts := b.from("a.aac", "-c:a", "aac")
	return []fixture{
		good("M4A", b.from("a.m4a", "-c:a", "aac")),
		good("M4A, index first", b.from("a.m4a", "-c:a", "aac", "-movflags", "faststart")),
		good("MP4 in fragments", b.from("a.mp4", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov")),
		good("M4A with a cover", b.ffmpeg("c.m4a", "-i", "in.wav", "-i", "cover.jpg", "-map", "0", "-map", "1", "-c:a", "aac", "-c:v", "mjpeg", "-disposition:v", "attached_pic")),
		good("HE-AAC", he),
		good("ALAC", b.from("a.m4a", "-c:a", "alac")),
		good("ADTS", adts),
		good("ADTS behind a tag", append(id3Tag(3, 400), adts...)),
		good("ADTS behind junk", append(randomBytes(5000), adts...)),
		good("Vorbis", b.from("a.ogg", "-c:a", "libvorbis")),
		good("Opus", b.from("a.opus", "-c:a", "libopus")),
		good("FLAC in Ogg", b.from("a.ogg", "-c:a", "flac")),
		good("FLAC", b.from("a.flac")),
		good("FLAC behind a tag", append(id3Tag(4, 700), b.from("a.flac")...)),
		good("WavPack", b.from("a.wv")),
		good("Windows Media", b.from("a.wma")),
		good("CAF", b.from("a.caf")),
		good("Sun audio", b.from("a.au")),
		good("WebM", b.from("a.webm", "-c:a", "libopus")),
		good("Matroska", b.from("a.mka", "-c:a", "libvorbis")),
	}
}

// videos: the sound is taken, however long the picture is.
func (b bench) videos() []fixture {
	picture := []string{"-f", "lavfi", "-i", "color=s=64x48:d=4", "-pix_fmt", "yuv420p"}
	return []fixture{
		good("MP4 video", b.from("v.mp4", picture...)),
		good("Matroska video", b.from("v.mkv", picture...)),
		good("WebM video", b.from("v.webm", append(slices.Clone(picture), "-c:v", "libvpx", "-c:a", "libopus")...)),
		good("AVI", b.from("v.avi", picture...)),
		good("MPEG programme stream", b.from("v.mpg", append(slices.Clone(picture), "-r", "25")...)),
		good("transport stream", b.from("v.ts", append(slices.Clone(picture), "-c:a", "aac")...)),
		good("Flash video", b.from("v.flv", append(slices.Clone(picture), "-c:a", "aac")...)),
	}
}

// phones: AMR leaves out pauses; they belong to the length all the same.
func (b bench) phones() []fixture {
	amr := b.amr("a.amr")
	pause := good("AMR with a pause and a silent end", b.amr("p.amr", "pad", "1@1", "2"))
	pause.seconds += 3
	tgp := b.ffmpeg("a.3gp", "-f", "amr", "-i", "p.amr", "-c", "copy")
	wide := []byte("#!AMR-WB\n")
	for noise := randomBytes(75 * 32); len(noise) > 0; noise = noise[32:] { // 23.05 kbit/s
		wide = append(append(wide, 2<<3|4), noise[:32]...)
	}
	return []fixture{
		good("AMR", amr),
		pause,
		{name: "3GP with pauses", data: tgp, seconds: spokenSeconds + 3},
		good("AMR wide band", wide), // nobody packages an encoder: any bits are some sound
	}
}

// channels: what stands in one channel only costs nothing, more than two become one.
func (b bench) channels() []fixture {
	return []fixture{
		good("left only", b.from("c.wav", "-af", "pan=stereo|FL=FL|FR=0*FL"), WarnOneChannel),
		good("right only, faint", b.from("c.mp3", "-b:a", "128k", "-af", "volume=-10dB,pan=stereo|FL=0*FL|FR=FL"), WarnOneChannel),
		good("out of phase", b.from("c.flac", "-af", "pan=stereo|FL=FL|FR=-1*FL"), WarnOutOfPhase),
		good("5.1", b.from("c.wav", "-af", "pan=5.1|FL=0.1*FL|FC=FL")),
		good("5.1 AAC", b.from("c.m4a", "-c:a", "aac", "-af", "pan=5.1|FL=0.1*FL|FC=FL")),
		good("7.1", b.from("c.flac", "-af", "pan=7.1|FC=FL")),
	}
}

// cut: uploads that broke off, in every format that says how long it should be.
func (b bench) cut() []fixture {
	half := func(name string, data []byte) fixture {
		f := good(name, data[:len(data)*6/10], WarnCutOff)
		f.seconds, f.slack = spokenSeconds/2, spokenSeconds/2-0.1 // somewhere in between
		return f
	}
	return []fixture{
		half("cut WAV", b.read("in.wav")),
		half("cut RF64", b.from("x.wav", "-rf64", "always")),
		half("cut AIFF", b.from("x.aiff")),
		half("cut MP3", b.lame("-b", "128")),
		half("cut VBR", b.lame("-V2")),
		half("cut FLAC", b.from("x.flac")),
		half("cut M4A", b.from("x.m4a", "-c:a", "aac", "-movflags", "faststart")),
		half("cut Vorbis", b.from("x.ogg", "-c:a", "libvorbis", "-page_duration", "100000")),
		half("cut Opus", b.from("x.opus", "-c:a", "libopus", "-page_duration", "100000")),
		half("cut Matroska", b.from("x.mka", "-c:a", "libopus", "-cluster_time_limit", "100")),
	}
}

// TestGapless: the length is that of the sound, not of the frames, where the file
// says what the encoder added; the samples are the very number that went in.
func TestGapless(t *testing.T) {
	needTools(t, "ffmpeg", "ffprobe", "lame", "espeak-ng")
	b, in := newBench(t), newIntake(t, nil)
	for name, data := range map[string][]byte{
		"LAME": b.lame("-V4"), "Opus": b.from("g.opus"), "Vorbis": b.from("g.ogg", "-c:a", "libvorbis"), "FLAC": b.from("g.flac"),
	} {
		p, err := in.Prepare(t.Context(), bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if off := math.Abs(p.Seconds - spokenSeconds); off > 0.002 {
			t.Errorf("%s: %.4f s", name, p.Seconds)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
