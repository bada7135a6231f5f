package library

import (
	"encoding/binary"
	"io"
)

// wavInfo is what the chunks of a WAV say.
type wavInfo struct {
	tag            uint16
	channels, rate int
	seconds        float64 // of the data chunk; 0 when it declares nothing usable
}

const (
	// maxChunks of a WAV or boxes of an MP4 are looked at; recorders write a few.
	maxChunks = 1000
	// unknownSize and more is what recorders that stream write for a size they do not know.
	unknownSize = 0xffffff00
)

// pcmTags are the WAV formats whose bytes a second follow from the header alone:
// PCM, floating point, A-law, µ-law, and the extensible header around these.
var pcmTags = map[uint16]bool{1: true, 3: true, 6: true, 7: true, 0xfffe: true}

// readWAV walks the chunks of a RIFF, RF64 or BW64 file up to its sound. found is
// false when there is no format or no sound in it.
func readWAV(r io.ReaderAt, size int64) (info wavInfo, found bool) {
	var (
		blockBytes int64
		longData   uint64 // of the ds64 chunk (EBU Tech 3306)
	)
	for at, n := int64(12), 0; n < maxChunks; n++ {
		var h [40]byte
		if got, _ := r.ReadAt(h[:], at); got < 8 || at+8 > size {
			return info, false
		}
		length := binary.LittleEndian.Uint32(h[4:])
		switch string(h[:4]) {
		case "ds64":
			longData = binary.LittleEndian.Uint64(h[16:])
		case "fmt ":
			info.tag = binary.LittleEndian.Uint16(h[8:])
			info.channels = int(binary.LittleEndian.Uint16(h[10:]))
			info.rate = int(binary.LittleEndian.Uint32(h[12:]))
			blockBytes = int64(binary.LittleEndian.Uint16(h[22:])/8) * int64(info.channels)
		case "data":
			bytes := float64(length)
			switch {
			case length == 0xffffffff && longData > 0:
				bytes = float64(longData)
			case length >= unknownSize:
				bytes = 0
			}
			if perSecond := blockBytes * int64(info.rate); perSecond > 0 && pcmTags[info.tag] {
				info.seconds = bytes / float64(perSecond)
			}
			return info, info.tag != 0
		}
		at += 8 + int64(length) + int64(length&1)
	}
	return info, false
}
