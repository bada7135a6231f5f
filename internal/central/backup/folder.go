package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// Name of an archive in a folder of archives; names sort by time.
func Name(now time.Time) string { return "loaxa-" + now.UTC().Format("20060102T150405Z") + ".tar.gz" }

var ownName = regexp.MustCompile(`^loaxa-\d{8}T\d{6}Z\.tar\.gz$`)

// Prune removes all but the newest keep archives of a folder, told by the names that Name
// gives; other files stay. It gives what it removed.
func Prune(folder string, keep int) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("old backups: %w", err)
	}
	var own []string
	for _, e := range entries {
		if e.Type().IsRegular() && ownName.MatchString(e.Name()) {
			own = append(own, e.Name())
		}
	}
	slices.Sort(own)
	var gone []string
	for _, name := range own[:max(0, len(own)-max(keep, 1))] {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			return gone, fmt.Errorf("old backups: %w", err)
		}
		gone = append(gone, name)
	}
	return gone, nil
}
