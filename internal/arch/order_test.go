package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	orderBy = regexp.MustCompile(`(?is)ORDER BY\s+([^` + "`" + `"]*)`)
	// people names of columns that people write; order of them is the alphabet's business.
	peopleWrite = regexp.MustCompile(`(?i)\b(\w*name|title|author|unit|label|headline|summary|words|text|note|issuer)\b`)
)

// TestDatabaseSortsByCodesAndInstants: SQLite sorts letters by their bytes and PostgreSQL by
// the collation of its cluster, and neither by the Vietnamese alphabet. Who shows a list of
// names sorts it with internal/alphabet.
func TestDatabaseSortsByCodesAndInstants(t *testing.T) {
	files, err := filepath.Glob("../central/store/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range orderBy.FindAllStringSubmatch(string(b), -1) {
			found++
			list, _, _ := strings.Cut(m[1], " LIMIT ")
			if bad := peopleWrite.FindString(list); bad != "" {
				t.Errorf("%s: ORDER BY %s: %s is what people write", filepath.Base(f), strings.TrimSpace(list), bad)
			}
		}
		if regexp.MustCompile(`(?i)\bCOLLATE\b`).Match(b) {
			t.Errorf("%s: a collation of the database's", filepath.Base(f))
		}
	}
	if found < 50 {
		t.Errorf("%d statements with an order: what is looked for has changed its form", found)
	}
}

// webSorts are what a sort of names by their bytes looks like.
var webSorts = regexp.MustCompile(`(cmp|strings)\.Compare\((radio\.Fold\()?\w+\.(\w+\.)?(\w*Name|Title|Words|Label)\b`)

// TestListsOfNamesFollowTheAlphabet: what people read is not sorted by bytes anywhere.
func TestListsOfNamesFollowTheAlphabet(t *testing.T) {
	for _, dir := range []string{"../central", "../radio", "../../cmd"} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range webSorts.FindAllString(string(b), -1) {
				t.Errorf("%s: %s…) sorts names by their bytes; take internal/alphabet", path, m)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
