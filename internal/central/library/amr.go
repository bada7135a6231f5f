package library

import (
	"fmt"
	"io"
	"strings"
)

// amrFrame is 20 ms of sound.
const amrFrame = 0.02

// amrBytes are the sizes of frames behind their header byte, by type (RFC 4867 §5.3;
// 3GPP TS 26.101 and 26.201): speech, comfort noise, and nothing to say; −1 is no type.
var (
	amrBytes     = [16]int64{12, 13, 15, 17, 19, 20, 26, 31, 5, 6, 5, 5, -1, -1, -1, 0}
	amrWideBytes = [16]int64{17, 23, 32, 36, 40, 46, 50, 58, 60, 5, -1, -1, -1, -1, 0, 0}
)

// amrWalk is what walking a phone's recording showed.
type amrWalk struct {
	frames int64
	breaks int // bytes where no frame begins
}

// walkAMR counts the frames of a raw AMR file, up to one over maxFrames. Phones leave
// out pauses (frames of comfort noise, 5 bytes, or of none), which ffmpeg drops
// without a word about their length: we count them, and have silence put there.
func walkAMR(r io.ReaderAt, size, maxFrames int64) (amrWalk, error) {
	const narrow, wide = "#!AMR\n", "#!AMR-WB\n"
	in := window{r: r, size: size}
	head, err := in.at(0, len(wide))
	if err != nil {
		return amrWalk{}, err
	}
	var (
		w     amrWalk
		at    = int64(len(narrow))
		bytes = &amrBytes
	)
	switch {
	case strings.HasPrefix(string(head), wide):
		at, bytes = int64(len(wide)), &amrWideBytes
	case !strings.HasPrefix(string(head), narrow):
		return w, refuse(CodeUnsupportedCodec, "AMR with several channels")
	}
	for at < size && w.frames <= maxFrames {
		b, err := in.at(at, 1)
		if err != nil {
			return w, err
		}
		n := bytes[b[0]>>3&15]
		if n < 0 || b[0]&0x83 != 0 { // the other bits are padding
			w.breaks++
			at++
			continue
		}
		at += 1 + n
		if at <= size {
			w.frames++
		}
	}
	return w, nil
}

// openAMR counts a raw AMR file.
func openAMR(r io.ReaderAt, size int64, l Limits, in input) (input, error) {
	most := int64(float64(l.Seconds) / amrFrame)
	walked, err := walkAMR(r, size, most)
	switch {
	case err != nil:
		return input{}, err
	case walked.frames > most:
		return input{}, refuse(CodeTooLong, "over %d s", l.Seconds)
	}
	in.codec, in.channels, in.breaks = "amr_nb", 1, walked.breaks
	in.fill = float64(walked.frames) * amrFrame
	return in, nil
}

// isAMR: a phone's codec, in a file of its own or in 3GP.
func (in input) isAMR() bool { return in.codec == "amr_nb" || in.codec == "amr_wb" }

// pauses is the filter that puts silence where a phone left out a pause, also at the
// end as far as its length is known.
func (in input) pauses(rate int) string {
	filter := fmt.Sprintf("aresample=%d:async=1:min_hard_comp=0.01:first_pts=0", rate)
	if in.fill > 0 {
		filter += fmt.Sprintf(",apad=whole_dur=%.3f", in.fill)
	}
	return filter
}
