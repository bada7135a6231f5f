// Package backup writes the whole centre into one archive while it serves, and puts it
// back. It gets a consistent copy of the database from store and the audio from library,
// through interfaces declared here; keys and CA it reads from their folders. Commands of
// cmd/loaxa call it through the wing's root, which places what it restores.
//
// The archive is a tar in gzip that standard tools can open. It holds, in this order:
//
//	database.sqlite or database.pgdump   taken first: audio is only ever added, so every
//	                                     audio the copy names is still to come
//	keys/…, ca/…                         the online key, its keyring, the root's public
//	                                     half, the province's CA; never the root key
//	archive/<month>.jsonl.gz             months of the log that left the database
//	audio/<sha256>, originals/<sha256>   checked against their names while they are read
//	manifest.json                        every file with its size and SHA-256
//
// Who holds an archive holds the centre: it is written for its owner's eyes only and
// belongs where the root key lies.
package backup

import (
	"fmt"
	"regexp"
	"strings"

	"loaxa/internal/radio"
)

// Format of the archive; a higher one is refused by name.
const Format = 1

// Manifest is the last file of an archive.
type Manifest struct {
	Format    int          `json:"format"`
	Version   string       `json:"version"` // of the program that wrote it
	Engine    string       `json:"engine"`  // sqlite or postgres
	Schema    int          `json:"schema"`
	CreatedAt radio.Millis `json:"created_at"`
	Files     []File       `json:"files"`
	// Missing lists audio that could not be put into the archive, because the centre's
	// own file is not there or damaged.
	Missing []Missing `json:"missing,omitempty"`
}

// File is one file of an archive.
type File struct {
	Name   string       `json:"name"`
	Bytes  int64        `json:"bytes"`
	SHA256 radio.SHA256 `json:"sha256"`
}

// Missing is audio the centre should have had.
type Missing struct {
	Name string `json:"name"`
	Why  string `json:"why"` // missing, damaged
}

// Bytes of all files together.
func (m Manifest) Bytes() int64 {
	var n int64
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

// Audio counts the renditions and originals.
func (m Manifest) Audio() int {
	n := 0
	for _, f := range m.Files {
		if k, _, err := parseName(f.Name); err == nil && (k == audioFile || k == originalFile) {
			n++
		}
	}
	return n
}

const manifestName = "manifest.json"

// databaseName is the file of the database's copy, by engine.
var databaseName = map[string]string{"sqlite": "database.sqlite", "postgres": "database.pgdump"}

type kind int

const (
	databaseFile kind = iota
	keyFile
	caFile
	archiveFile
	audioFile
	originalFile
	manifestFile
)

// largest bounds what a file of each kind may claim.
var largest = map[kind]int64{
	databaseFile: 1 << 40, keyFile: 1 << 20, caFile: 1 << 20, archiveFile: 1 << 40, audioFile: radio.MaxAudioBytes, originalFile: 1 << 30, manifestFile: 192 << 20,
}

// maxFiles bounds the files of an archive: three for each of 300,000 bulletins.
const maxFiles = 1_000_000

var monthName = regexp.MustCompile(`^\d{4}-\d{2}\.jsonl\.gz$`)

var plainName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)

// parseName reads a name of an archive. There are no other forms, so no name of a
// stranger's archive ever becomes a path.
func parseName(name string) (k kind, rest string, err error) {
	switch name {
	case manifestName:
		return manifestFile, name, nil
	case databaseName["sqlite"], databaseName["postgres"]:
		return databaseFile, name, nil
	}
	folder, rest, _ := strings.Cut(name, "/")
	switch {
	case folder == "keys" && plainName.MatchString(rest):
		return keyFile, rest, nil
	case folder == "ca" && plainName.MatchString(rest):
		return caFile, rest, nil
	case folder == "archive" && monthName.MatchString(rest):
		return archiveFile, rest, nil
	case folder == "audio" && radio.SHA256(rest).Valid():
		return audioFile, rest, nil
	case folder == "originals" && radio.SHA256(rest).Valid():
		return originalFile, rest, nil
	}
	if len(name) > 100 {
		name = name[:100] + "…"
	}
	return 0, "", fmt.Errorf("%w: %q is not a file of a backup", radio.ErrInvalid, name)
}
