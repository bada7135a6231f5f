// Package audio holds the sound that comes with the program: station tune, spoken
// ident and closing words, siren, drill announcement, test tone, and three spoken
// bulletins for the example campaign. make.sh synthesises all of it. They are plain
// uploads, not house format: the example schedules name them as audio:<name>, the
// import hands them to central/library, which takes them in like any other upload.
package audio

import (
	"embed"
	"io/fs"
)

//go:embed *.mp3
var files embed.FS

// Files gives the samples by file name, each the name of a Sample with ".mp3".
func Files() fs.FS { return files }

// Sample is one embedded sound.
type Sample struct {
	Name   string // without ".mp3"
	Title  string // in Vietnamese, as screens show it
	Origin string // how it was made: every sound shipped is accounted for
}

const (
	written = "own composition, written out in make.sh, synthesised with sox"
	spoken  = "own sentences in make.sh, read by espeak-ng's Vietnamese voice"
)

// Samples lists every embedded sound.
func Samples() []Sample {
	return []Sample{
		{"tune", "Nhạc hiệu", written},
		{"ident", "Lời xướng", spoken},
		{"closing", "Lời kết và nhạc kết", spoken + "; " + written},
		{"siren", "Còi báo động", written},
		{"lead-in", "Câu dẫn khẩn cấp", spoken},
		{"drill", "Thông báo diễn tập", spoken},
		{"all-ok", "Báo yên", spoken},
		{"test-tone", "Âm thử 1 kHz", written},
		{"nq57-1", "Nghị quyết 57, bài 1: khoa học, công nghệ là đột phá", spoken},
		{"nq57-2", "Nghị quyết 57, bài 2: bình dân học vụ số", spoken},
		{"nq57-3", "Nghị quyết 57, bài 3: tổ công nghệ số cộng đồng", spoken},
	}
}

//go:embed emergency
var emergency embed.FS

// Emergency gives the emergency set (siren, lead-in, drill, all-ok), other than the
// samples in house format, as the intake made it of them: set.json tells the renditions
// of each role, and a file is named by its hash. So every centre has the same set, with
// or without ffmpeg, and the root key signs the same hashes of the drill everywhere.
// The test of this package makes it anew with -update.
func Emergency() (fs.FS, error) { return fs.Sub(emergency, "emergency") }
