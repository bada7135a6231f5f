package library

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// bad is an upload that must be refused with a code of its own.
func bad(name string, code Code, data []byte) fixture {
	return fixture{name: name, code: code, data: data}
}

// TestHostile gives bad uploads to the child itself, which counts, as the kernel does,
// memory and processor time of itself and its tools.
func TestHostile(t *testing.T) {
	needTools(t, "ffmpeg", "ffprobe", "mpg123", "lame", "sox", "espeak-ng")
	child, err := builtChild()
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	for _, list := range [][]fixture{b.otherFiles(), b.pointers(), b.forgedMPEG(), b.forgedWAV(), b.forgedMP4(), b.forgedRest(), b.endless()} {
		for _, f := range list {
			t.Run(f.name, func(t *testing.T) {
				a := runChildOn(t, child, bytes.NewReader(f.data))
				switch {
				case f.code != "" && a.Refused == nil:
					t.Errorf("not refused: %+v", a)
				case f.code != "" && a.Refused.Code != f.code:
					t.Errorf("refused as %s (%s), want %s", a.Refused.Code, a.Refused.ReasonEN, f.code)
				case f.code == "" && a.Prepared == nil:
					t.Errorf("not taken: %+v", a)
				}
			})
		}
	}
}

// TestHostileSize gives two uploads of the largest size.
func TestHostileSize(t *testing.T) {
	needTools(t, "ffmpeg", "ffprobe")
	child, err := builtChild()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]byte{"zeros": 0, "ones": 0xff} {
		a := runChildOn(t, child, io.LimitReader(same(value), DefaultLimits().Bytes))
		if a.Refused == nil || a.Refused.Code != CodeNotAudio {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// same reads as one byte for ever.
type same byte

func (s same) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s)
	}
	return len(p), nil
}

// runChildOn gives the child's answer, and fails when it or one of its tools took too
// much. Bad files are to cost a few seconds on any machine; ours needs under two.
func runChildOn(t *testing.T, child string, upload io.Reader) answer {
	t.Helper()
	const (
		mostMB  = 200
		mostCPU = 10_000 // ms, of all processes
	)
	in := newIntake(t, func(o *Options) { o.Limits.Seconds = 60 })
	dir := t.TempDir()
	if _, _, err := in.receive(t.Context(), upload, filepath.Join(dir, sourceName)); err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(job{Dir: dir, Limits: in.opt.Limits, Tools: in.tools()})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), child)
	alive, keep, err := os.Pipe() // open until the child has ended
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = alive
	var out, cost bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &cost
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := keep.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if closeErr := keep.Close(); err != nil || closeErr != nil {
		t.Fatal(err, closeErr)
	}
	if err := alive.Close(); err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	if a.Broken != "" {
		t.Errorf("the child could not work: %s", a.Broken)
	}
	var kB, ms int
	if _, err := fmt.Sscanf(cost.String(), "%d kB, %d ms", &kB, &ms); err != nil {
		t.Fatalf("%v: %q", err, cost.String())
	}
	if kB>>10 > mostMB || ms > mostCPU {
		t.Errorf("it cost %d MB and %d ms", kB>>10, ms)
	}
	t.Logf("%d MB, %d ms", kB>>10, ms)
	return a
}

// otherFiles are no sound at all, whatever they are called.
func (b bench) otherFiles() []fixture {
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	w, err := z.Create("bomb.mp3")
	if err == nil {
		_, err = w.Write(make([]byte, 20<<20))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	picture := func(name string) []byte {
		return b.ffmpeg(name, "-f", "lavfi", "-i", "testsrc2=s=320x240:d=1", "-frames:v", "1")
	}
	silent := []string{"-f", "lavfi", "-i", "color=s=64x48:d=1", "-pix_fmt", "yuv420p"}
	b.write("words.srt", []byte("1\n00:00:00,000 --> 00:00:02,000\nXin chào\n"))
	return []fixture{
		bad("nothing", CodeEmpty, nil),
		bad("text", CodeText, []byte("Kính gửi: Ủy ban nhân dân xã\n")),
		bad("page", CodeHTML, []byte("<!DOCTYPE html><html><body>Đăng nhập</body></html>")),
		bad("page behind a tag", CodeHTML, append(id3Tag(3, 100), "<html><body>404</body></html>"...)),
		bad("PNG", CodeImage, picture("p.png")),
		bad("JPEG", CodeImage, picture("p.jpg")),
		bad("HEIC", CodeImage, append([]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), randomBytes(3000)...)),
		bad("ZIP bomb", CodeArchive, packed.Bytes()),
		bad("RAR", CodeArchive, append([]byte("Rar!\x1a\x07\x01\x00"), randomBytes(5000)...)),
		bad("PDF", CodeNotAudio, []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n")),
		bad("program", CodeNotAudio, append([]byte("\x7fELF\x02\x01\x01"), randomBytes(5000)...)),
		bad("noise", CodeNotAudio, randomBytes(5<<20)),
		bad("MP4 without sound", CodeVideoWithoutSound, b.ffmpeg("s.mp4", silent...)),
		bad("Matroska without sound", CodeVideoWithoutSound, b.ffmpeg("s.mkv", silent...)),
		bad("AVI without sound", CodeVideoWithoutSound, b.ffmpeg("s.avi", silent...)),
		bad("subtitles alone", CodeNoAudioStream, b.ffmpeg("s.mkv", "-i", "words.srt")),
		bad("silence", CodeSilence, b.ffmpeg("s.flac", "-f", "lavfi", "-i", "anullsrc=d=5")),
		bad("silence in one of two channels, noise at −80 dB in the other", CodeSilence,
			b.ffmpeg("n.wav", "-f", "lavfi", "-i", "anoisesrc=d=2:a=0.0001", "-af", "pan=stereo|FL=c0|FR=0*c0")),
		bad("a click", CodeTooShort, b.from("c.wav", "-t", "0.2")),
	}
}

// pointers try to make a reader open other files: the secret lies beside the upload.
func (b bench) pointers() []fixture {
	lists := map[string]string{
		"HLS":           "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nsecret.wav\n#EXT-X-ENDLIST\n",
		"HLS, BOM":      "\xef\xbb\xbf#EXTM3U\nfile:///etc/passwd\n",
		"M3U":           "#EXTINF:10,a\n/etc/passwd\n",
		"PLS":           "[playlist]\nFile1=/etc/passwd\n",
		"concat":        "ffconcat version 1.0\nfile secret.wav\n",
		"ASX":           "<asx version=\"3.0\"><entry><ref href=\"file:///etc/passwd\"/></entry></asx>",
		"XSPF":          "<?xml version=\"1.0\"?><playlist version=\"1\"><trackList/></playlist>",
		"DASH":          "<?xml version=\"1.0\"?>\n<MPD><BaseURL>file:///etc/passwd</BaseURL></MPD>",
		"ASF reference": "[Reference]\r\nRef1=file:///etc/passwd\r\n",
	}
	var all []fixture
	for name, list := range lists {
		all = append(all, bad(name, CodePlaylist, []byte(list)), bad(name+" behind a tag", CodePlaylist, append(id3Tag(3, 50), list...)))
	}
	// Behind the magic of a container the named reader sees it, and no other.
	hls := lists["HLS"]
	return append(all,
		bad("HLS in a transport stream's clothes", CodeDamaged, bytes.Repeat(append([]byte("G"+hls), make([]byte, 188-len(hls)-1)...), 50)),
		bad("HLS behind an Ogg page", CodeDamaged, []byte("OggS\x00\x02"+hls)),
		bad("HLS behind FLAC", CodeDamaged, []byte("fLaC"+hls)),
	)
}

// TestNoListReaders: no reader that opens other files is ever named, and the named
// one may not hand on to another.
func TestNoListReaders(t *testing.T) {
	lists := []string{"hls", "applehttp", "concat", "concatf", "dash", "image2", "imf", "sdp", "rtsp", "tedcaptions", "lavfi", "vapoursynth", "avisynth"}
	for _, m := range magics {
		in := input{sniffed: sniffed{kind: m.kind}, file: sourceName}
		args := strings.Join(in.openArgs(), " ")
		if slices.Contains(lists, m.kind.demuxer) || !strings.Contains(args, "-protocol_whitelist file,pipe -format_whitelist "+m.kind.demuxer+" ") ||
			!strings.Contains(args, "-f "+m.kind.demuxer+" ") {
			t.Errorf("%s is opened with %s", m.kind.name, args)
		}
	}
}

func (b bench) forgedMPEG() []fixture {
	mp3 := b.lame("-V4")
	slow := mpegFrames(b.t, 500_000, 0xff, 0xe3, 0x18, 0xc4) // 8 kbit/s at 8 kHz: 72 bytes for 72 ms, ten hours
	floodOf := func(header string) []byte { return bytes.Repeat([]byte(header), 2<<20) }
	return []fixture{
		bad("a tag of 256 MB in 64 bytes", CodeID3Bomb, id3Bomb()),
		bad("a tag larger than the file", CodeID3Bomb, append([]byte("ID3\x03\x00\x00\x0f\x7f\x7f\x7f"), mp3...)),
		bad("tags without end", CodeID3Bomb, bytes.Repeat([]byte("ID3\x04\x00\x00\x00\x00\x00\x00"), 100_000)),
		bad("headers", CodeHeaderFlood, floodOf("\xff\xfb\x90\x44")),
		bad("headers that chain", CodeTooLong, floodOf("\xff\xfb\x90\x44\xff\xf3\x84\xc4\xff\xfb\x94\x04")),
		bad("free-format headers", CodeTooLong, floodOf("\xff\xfb\x00\xc4\xff\xf3\x04\x44\xff\xfb\x08\x84\x11")),
		bad("two frames, then headers", CodeTooShort, append(slices.Clone(mp3[:1500]), floodOf("\xff\xfb\x90\x44")...)),
		bad("ten hours of nothing", CodeTooLong, slow),
		bad("frames of nothing", CodeSilence, slow[:72*500]),
	}
}

func (b bench) forgedWAV() []fixture {
	format := func(tag, channels, rate, bits int) []byte {
		w := slices.Clone(b.read("in.wav"))
		binary.LittleEndian.PutUint16(w[20:], uint16(tag))
		binary.LittleEndian.PutUint16(w[22:], uint16(channels))
		binary.LittleEndian.PutUint32(w[24:], uint32(rate))
		binary.LittleEndian.PutUint16(w[34:], uint16(bits))
		return w
	}
	return []fixture{
		bad("255 channels", CodeImpossibleFormat, format(1, 255, 44100, 16)),
		bad("no channel", CodeImpossibleFormat, format(1, 0, 44100, 16)),
		bad("1 Hz", CodeImpossibleFormat, format(1, 1, 1, 16)),
		bad("4 GHz", CodeImpossibleFormat, format(1, 1, 0xffffffff, 16)),
		bad("no format", CodeDamaged, append([]byte("RIFF\x00\x00\x00\x00WAVEdata\x00\x00\x00\x00"), randomBytes(100)...)),
		bad("unknown codec", CodeUnsupportedCodec, format(0x1234, 2, 44100, 16)),
		bad("chunks without end", CodeDamaged, append([]byte("RIFF\x00\x00\x00\x00WAVE"), bytes.Repeat([]byte("JUNK\x00\x00\x00\x00"), 500_000)...)),
		{name: "768 kHz", data: b.from("h.wav", "-ar", "768000")},
	}
}

func (b bench) forgedMP4() []fixture {
	whole := b.from("w.m4a", "-c:a", "aac")
	first := b.from("f.m4a", "-c:a", "aac", "-movflags", "faststart")
	patched := func(from []byte, box string, at int, value uint32) []byte {
		p := slices.Clone(from)
		binary.BigEndian.PutUint32(p[bytes.Index(p, []byte(box))+at:], value)
		return p
	}
	// A sample size for all and a count of 2³¹: an index of gigabytes from 30 bytes.
	bomb := patched(patched(first, "stsz", 8, 1), "stsz", 12, 0x7fffffff)
	nested := []byte{}
	for range 2000 {
		nested = append(binary.BigEndian.AppendUint32(nil, uint32(len(nested)+8)), append([]byte("moov"), nested...)...)
	}
	return []fixture{
		bad("no index", CodeIncomplete, whole[:bytes.Index(whole, []byte("moov"))-4]),
		bad("half an index", CodeIncomplete, whole[:len(whole)-300]),
		bad("half an index in front", CodeIncomplete, first[:400]),
		bad("only a brand", CodeIncomplete, []byte("\x00\x00\x00\x14ftypM4A \x00\x00\x00\x00M4A ")),
		bad("a box of 2⁶³ bytes", CodeIncomplete, append([]byte("\x00\x00\x00\x10ftypM4A \x00\x00\x00\x00\x00\x00\x00\x01moov\x7f\xff\xff\xff\xff\xff\xff\xff"), randomBytes(100)...)),
		bad("a box of no bytes", CodeIncomplete, []byte("\x00\x00\x00\x03ftypM4A \x00\x00")),
		bad("boxes in boxes", CodeDamaged, append([]byte("\x00\x00\x00\x10ftypM4A \x00\x00\x00\x00"), nested...)),
		bad("encrypted", CodeEncrypted, b.from("e.mp4", "-c:a", "aac", "-encryption_scheme", "cenc-aes-ctr",
			"-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")),
		bad("a sample count of 2³¹", CodeDamaged, bomb),
	}
}

func (b bench) forgedRest() []fixture {
	flac := b.from("r.flac", "-ac", "1")
	// 20 bits of sample rate behind two sizes of blocks and of frames (RFC 9639 §8.2).
	slow := slices.Clone(flac)
	slow[18], slow[19], slow[20] = 0, 0, slow[20]&0x0f|1<<4
	vorbis := b.from("r.ogg", "-c:a", "libvorbis")
	at := bytes.Index(vorbis, []byte("\x01vorbis")) + 12
	binary.LittleEndian.PutUint32(vorbis[at:], 1)
	sealOgg(vorbis)
	webm := b.from("r.webm", "-c:a", "libopus")
	return []fixture{
		{name: "FLAC whose first block says 1 Hz, its frames 44.1 kHz", data: slow},
		bad("Vorbis of 1 Hz", CodeImpossibleFormat, vorbis),
		bad("Ogg of random pages", CodeDamaged, append([]byte("OggS\x00\x02"), randomBytes(100_000)...)),
		bad("Matroska of random bytes", CodeDamaged, append(slices.Clone(webm[:60]), randomBytes(100_000)...)),
		bad("FLAC header alone", CodeDamaged, flac[:42]),
		bad("AMR header alone", CodeDamaged, []byte("#!AMR\n")),
		bad("AMR of several channels", CodeUnsupportedCodec, []byte("#!AMR_MC1.0\n\x00\x00\x00\x02")),
		bad("AMR of zeros", CodeTooLong, append([]byte("#!AMR\n"), make([]byte, 20<<20)...)),
		bad("Windows Media under a lock", CodeEncrypted, b.lockedASF()),
	}
}

// sealOgg writes the checksum of the first page anew (RFC 3533 §6).
func sealOgg(page []byte) {
	n := 27 + int(page[26])
	for _, s := range page[27:n] {
		n += int(s)
	}
	clear(page[22:26])
	crc := uint32(0)
	for _, b := range page[:n] {
		crc ^= uint32(b) << 24
		for range 8 {
			if crc&0x80000000 != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	binary.LittleEndian.PutUint32(page[22:], crc)
}

// lockedASF puts an encryption object into a header and scrambles the sound.
func (b bench) lockedASF() []byte {
	asf := b.from("l.wma", "-c:a", "wmav2")
	object := append([]byte("\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e"), 24, 0, 0, 0, 0, 0, 0, 0)
	size := binary.LittleEndian.Uint64(asf[16:])
	out := slices.Concat(asf[:size], object, randomBytes(len(asf)-int(size)))
	binary.LittleEndian.PutUint64(out[16:], size+24)
	binary.LittleEndian.PutUint32(out[24:], binary.LittleEndian.Uint32(out[24:])+1)
	return out
}

// endless are small files of hours of sound; the limit of these tests is one minute.
func (b bench) endless() []fixture {
	hours := []string{"-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono:d=90"}
	lying := b.from("m.mka", "-c:a", "flac")
	at := bytes.Index(lying, []byte("\x44\x89\x88")) // Duration, eight bytes of floating point
	if at < 0 {
		b.t.Fatal("no duration in ffmpeg's Matroska")
	}
	copy(lying[at+3:], "\x41\xe0\x00\x00\x00\x00\x00\x00") // 2³¹ ms
	return []fixture{
		bad("FLAC", CodeTooLong, b.ffmpeg("h.flac", hours...)),
		bad("Opus", CodeTooLong, b.ffmpeg("h.opus", append(slices.Clone(hours), "-b:a", "6k")...)),
		bad("M4A", CodeTooLong, b.ffmpeg("h.m4a", append(slices.Clone(hours), "-b:a", "8k")...)),
		{name: "a header that lies", data: lying}, // a month of two seconds: cut off, but taken
	}
}
