package library

import (
	"bytes"
	"slices"
	"testing"
)

// countedReads counts how often a file is asked.
type countedReads struct {
	*bytes.Reader
	reads int
}

func (c *countedReads) ReadAt(b []byte, at int64) (int, error) {
	c.reads++
	return c.Reader.ReadAt(b, at)
}

func boxOf(kind string, content []byte) []byte {
	n := len(content) + 8
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), kind[0], kind[1], kind[2], kind[3]}, content...)
}

// TestBoxesAreBounded: a small file of very many boxes, side by side or nested into many
// tracks, is looked at in bounded time: the budget is the file's, not each level's.
func TestBoxesAreBounded(t *testing.T) {
	free := bytes.Repeat(boxOf("free", nil), 10*maxChunks)
	track := []byte{}
	for _, kind := range slices.Backward(soundPath[2:]) {
		track = boxOf(kind, slices.Concat(track, bytes.Repeat(boxOf("free", nil), 20)))
	}
	for name, data := range map[string][]byte{
		"side by side": slices.Concat(boxOf("ftyp", []byte("M4A \x00\x00\x00\x00")), free, boxOf("moov", nil)),
		"in tracks":    slices.Concat(boxOf("ftyp", []byte("M4A \x00\x00\x00\x00")), boxOf("moov", bytes.Repeat(boxOf("trak", track), maxChunks))),
	} {
		file := &countedReads{Reader: bytes.NewReader(data)}
		_, _ = checkMP4(file, file.Size())
		if file.reads > maxChunks+1 { // and the brand
			t.Errorf("%s: %d reads of %d bytes", name, file.reads, len(data))
		}
	}
}

// TestChunksAreBounded: the same for a RIFF file of very many chunks before its sound.
func TestChunksAreBounded(t *testing.T) {
	data := slices.Concat([]byte("RIFF\x00\x00\x00\x00WAVE"), bytes.Repeat([]byte("junk\x00\x00\x00\x00"), 10*maxChunks), []byte("data\x00\x00\x00\x00"))
	file := &countedReads{Reader: bytes.NewReader(data)}
	if _, found := readWAV(file, file.Size()); found || file.reads > maxChunks {
		t.Errorf("found %v after %d reads of %d bytes", found, file.reads, len(data))
	}
}
