package web

import (
	"encoding/base64"
	"testing"
)

// FuzzTus: whatever headers and pieces come, the answer is none of trouble of ours, and
// what is kept is what was sent.
func FuzzTus(f *testing.F) {
	name := base64.StdEncoding.EncodeToString([]byte("bản tin.mp3"))
	f.Add("9", "filename "+name, "0", tusPiece, "Tus-Resumable", "1.0.0", []byte("abcdefghi"))
	f.Add("9", "filename "+name+",filename x", "4", tusPiece, "Upload-Defer-Length", "1", []byte("abc"))
	f.Add("-1", "", "-1", "text/plain", "X-HTTP-Method-Override", "DELETE", []byte{})
	f.Add("9223372036854775808", "\x00", "1e3", tusPiece, "Upload-Checksum", "sha1 x", []byte("abcdefghij"))
	d := newHouse(f)
	f.Fuzz(func(t *testing.T, length, metadata, offset, kind, header, value string, piece []byte) {
		c := d.tus(t, "POST", "/api/v1/uploads", "", "Upload-Length", length, "Upload-Metadata", metadata, header, value)
		if c.Code >= 500 {
			t.Fatalf("created: %d %s", c.Code, c.Body)
		}
		at := c.Header().Get("Location")
		if c.Code != 201 || at == "" {
			return
		}
		defer d.tus(t, "DELETE", at, "")
		w := d.tus(t, "PATCH", at, string(piece), "Content-Type", kind, "Upload-Offset", offset, header, value)
		if w.Code >= 500 {
			t.Fatalf("piece: %d %s", w.Code, w.Body)
		}
		head := d.tus(t, "HEAD", at, "")
		if head.Code != 200 {
			return // the header asked for another method, or none of this protocol
		}
		if got := head.Header().Get("Upload-Offset"); w.Code == 204 && got != w.Header().Get("Upload-Offset") || w.Code != 204 && got != "0" {
			t.Fatalf("piece %d, then at %s of %s", w.Code, got, length)
		}
	})
}
