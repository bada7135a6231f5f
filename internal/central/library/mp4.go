package library

import (
	"encoding/binary"
	"io"
	"slices"
)

// box is one box of an MP4, 3GP or QuickTime file (ISO 14496-12 §4.2): its four
// letters and where its content lies.
type box struct {
	kind       string
	start, end int64
	whole      bool // it ends inside the file
}

// boxReader reads the boxes of a file, maxChunks of them at the most, whatever the
// file nests into what.
type boxReader struct {
	io.ReaderAt
	seen int
}

// boxes gives the boxes between two offsets.
func (r *boxReader) boxes(from, to int64) []box {
	var found []box
	for at := from; at+8 <= to && r.seen < maxChunks; r.seen++ {
		var h [16]byte
		if n, _ := r.ReadAt(h[:], at); n < 8 {
			break
		}
		length, header := int64(binary.BigEndian.Uint32(h[:])), int64(8)
		switch length {
		case 0: // to the end
			length = to - at
		case 1:
			length, header = int64(binary.BigEndian.Uint64(h[8:])), 16
		}
		if length < header {
			break
		}
		end := to
		if length <= to-at {
			end = at + length
		}
		found = append(found, box{kind: string(h[4:8]), start: at + header, end: end, whole: length <= to-at})
		at = end
	}
	return found
}

// soundPath leads from the file to the list of a track's sample formats.
var soundPath = []string{"moov", "trak", "mdia", "minf", "stbl", "stsd"}

// lockedFormats are sample entries of sound that only a key opens: common
// encryption, FairPlay, Audible.
var lockedFormats = []string{"enca", "drms", "aavd"}

// pictureBrands are the major brands of still images in this container.
var pictureBrands = []string{"heic", "heix", "heif", "mif1", "msf1", "avif", "avis", "crx "}

// checkMP4 refuses what no reader can open: a picture, a file without its index,
// sound under a lock. cut says that the sound ends early.
func checkMP4(file io.ReaderAt, size int64) (cut bool, _ *Refused) {
	r := &boxReader{ReaderAt: file}
	top := r.boxes(0, size)
	if len(top) > 0 && top[0].kind == "ftyp" {
		var brand [4]byte
		if n, _ := r.ReadAt(brand[:], top[0].start); n == 4 && slices.Contains(pictureBrands, string(brand[:])) {
			return false, refuse(CodeImage, "%s", brand[:])
		}
	}
	at := slices.IndexFunc(top, func(b box) bool { return b.kind == "moov" })
	switch {
	case at < 0:
		return false, refuse(CodeIncomplete, "its index (moov) is missing")
	case !top[at].whole:
		return false, refuse(CodeIncomplete, "its index (moov) ends early")
	}
	for _, format := range r.soundFormats(top, 1) {
		if slices.Contains(lockedFormats, format) {
			return false, refuse(CodeEncrypted, "%s", format)
		}
	}
	last := top[len(top)-1]
	return !last.whole && (last.kind == "mdat" || last.kind == "moof"), nil
}

// soundFormats goes down soundPath and gives the names of all sample formats.
func (r *boxReader) soundFormats(level []box, depth int) []string {
	var formats []string
	for _, b := range level {
		if b.kind != soundPath[depth-1] {
			continue
		}
		if depth < len(soundPath) {
			formats = append(formats, r.soundFormats(r.boxes(b.start, b.end), depth+1)...)
			continue
		}
		for _, entry := range r.boxes(b.start+8, b.end) { // behind version and count
			formats = append(formats, entry.kind)
		}
	}
	return formats
}
