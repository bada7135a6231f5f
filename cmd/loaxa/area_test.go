package main

import (
	"os"
	"testing"
	"time"
)

// TestArea types what a decision about areas needs, by the codes of the shipped example.
func TestArea(t *testing.T) {
	d := settled(t)
	d.run(2, "usage: loaxa area", "", "area")
	d.run(2, "usage: loaxa area", "", "area bogus")
	d.run(2, "usage: loaxa area", "", "area drop")
	d.run(0, `cam-xuyen +commune +Xã Cẩm Xuyên`, "", "area list")
	if err := os.WriteFile(d.file("p.csv"), []byte("kind,code,name,parent\ncommune,huong-khe,Xã Hương Khê,ha-tinh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run(0, "huong-khe", "", "import-places @p.csv")
	// Whose roles reach further is said with the name of what takes the other.
	d.run(0, `huong-khe\) → Xã Cẩm Xuyên.*lan \(lan\), approver, Xã Cẩm Xuyên.*nothing was written`, "",
		"area merge --from "+time.Now().AddDate(0, 1, 0).Format(time.DateOnly)+" --areas huong-khe --into cam-xuyen --number 1/NQ --issuer HĐND --issued 2026-01-01 --dry-run")
}

// TestImportPlaces: the difference is shown as the import of a folder shows it.
func TestImportPlaces(t *testing.T) {
	d := settled(t)
	write := func(text string) {
		if err := os.WriteFile(d.file("p.csv"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("kind,code,name,parent\nhamlet,cam-xuyen.thon-9,Thôn 9,cam-xuyen\n")
	d.run(0, `\+ địa bàn / area cam-xuyen.thon-9 “Thôn 9”\n\S+: 1 mới / created\nchỉ xem trước`, "", "import-places --dry-run @p.csv")
	d.run(0, `^\+ địa bàn / area cam-xuyen.thon-9 “Thôn 9”\n\S+: 1 mới / created\n$`, "", "import-places @p.csv")
	d.run(0, `^Không có thay đổi. / No changes.\n\S+: 1 không đổi / unchanged\n$`, "", "import-places @p.csv")
	write("kind,code,name,parent\nhamlet,x,,cam-xuyen\n")
	d.run(1, `2:1: thiếu tên / missing name`, "", "import-places @p.csv")
}
