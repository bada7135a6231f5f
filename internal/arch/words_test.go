package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// otherWords are Vietnamese words for which the screens have another one: one word per
// thing, as domain §4 and the first pages chose it.
var otherWords = []struct{ word, use string }{
	{"ghi danh", "đăng ký (a device)"},
	{"công bố", "phát hành (a schedule)"},
	{"duyệt và ban hành", "duyệt và phát hành; ban hành is for governing documents"},
	{"chưa ban hành", "chưa phát hành"},
	{"máy chủ trung tâm", "máy chủ"},
	{"trung tâm", "máy chủ (the centre)"},
	{"gửi duyệt", "trình duyệt"},
	{"tập tin", "tệp"},
	{"ngoại tuyến", "mất kết nối"},
	{"trực tuyến", "đang kết nối"},
	{"loa phường", "cụm loa, đài truyền thanh"},
	{"chứng chỉ", "chứng thư"},
	{"thư điện tử", "e-mail"},
	{"huyện", "tỉnh, xã/phường: there is no district since 1/7/2025"},
	{"thị trấn", "xã/phường: there is none since 1/7/2025"},
	// One spelling of the tone mark.
	{"huỷ", "hủy"}, {"xoá", "xóa"}, {"khoá", "khóa"}, {"uỷ", "ủy"}, {"thoả", "thỏa"}, {"hoà", "hòa"},
}

// TestOneWordPerThing reads what people are shown: pages, their words, and all Vietnamese
// that Go makes, commands included.
func TestOneWordPerThing(t *testing.T) {
	forms := make([]*regexp.Regexp, len(otherWords))
	for i, w := range otherWords {
		forms[i] = regexp.MustCompile(`(?:^|[^\p{L}])` + w.word + `(?:[^\p{L}]|$)`)
	}
	files := 0
	for _, root := range []string{"../../internal", "../../cmd"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || d.Name() == "storetest"):
				return filepath.SkipDir
			case d.IsDir() || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			switch filepath.Ext(path) {
			case ".go", ".html", ".json", ".js":
			default:
				return nil
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			text := strings.ToLower(string(b))
			for i, form := range forms {
				if !strings.Contains(text, otherWords[i].word) {
					continue
				}
				for n, line := range strings.Split(text, "\n") {
					if form.MatchString(line) {
						t.Errorf("%s:%d: %q, where the word is %s", path, n+1, otherWords[i].word, otherWords[i].use)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 200 {
		t.Fatalf("only %d files read: the search is broken", files)
	}
}
