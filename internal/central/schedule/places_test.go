package schedule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"loaxa/internal/radio"
)

// placeShelf keeps what was brought in.
type placeShelf struct {
	plan    radio.Plan
	contact []radio.AreaContact
	writes  int
}

func (s *placeShelf) Plan(context.Context) (radio.Plan, error)              { return s.plan, nil }
func (s *placeShelf) Contacts(context.Context) ([]radio.AreaContact, error) { return s.contact, nil }
func (s *placeShelf) ApplyPlaces(_ context.Context, c radio.PlanChange) error {
	s.writes++
	s.plan = radio.AreaEffect{Areas: c.Areas, Devices: c.Devices}.Over(s.plan)
	for _, x := range c.Contacts {
		s.contact = append(s.contact, x.Now)
	}
	for _, x := range c.Setups {
		for i := range s.plan.Devices {
			if s.plan.Devices[i].ID == x.Device {
				s.plan.Devices[i].Setup = x.Now
			}
		}
	}
	return nil
}

const placesCSV = "Loại;Mã;Tên;Mã cấp trên;Múi giờ;Tốc độ (kbit/s);Vĩ độ;Kinh độ;Người liên hệ;Điện thoại\n" +
	"cụm loa;loa-1;Cụm nhà văn hóa;thon-1;;32;18,3432;105,905;;\n" +
	"Tỉnh;tinh;Tỉnh Thử;;Asia/Ho_Chi_Minh;;;;;\n" +
	"Xã;xa-1;Xã Một;tinh;;;;;;\n" +
	"Thôn;thon-1;Thôn Đông;xa-1;;;;;Ông Tư;0912345678\n" +
	"tổ dân phố;tdp-2;Tổ dân phố 2;xa-1;;;;;;\n"

func bring(s *placeShelf, name, text string, dry bool) (radio.PlaceImport, error) {
	return NewPlaces(s, func() time.Time { return time.Unix(1_780_000_000, 0) }).Import(context.Background(), name, []byte(text), "AN", dry)
}

// TestPlacesFromATable: rows come in any order; the same again changes nothing; a look
// writes nothing.
func TestPlacesFromATable(t *testing.T) {
	s := &placeShelf{}
	if p, err := bring(s, "noi.csv", placesCSV, true); err != nil || p.Written || p.Counts["created"] != 6 || s.writes != 0 {
		t.Fatalf("a look: %+v, %v, %d written", p, err, s.writes)
	}
	p, err := bring(s, "noi.csv", placesCSV, false)
	if err != nil || !p.Written || len(s.plan.Areas) != 4 || len(s.plan.Devices) != 1 || len(s.contact) != 1 {
		t.Fatalf("%+v, %v: %+v", p, err, s.plan)
	}
	d := s.plan.Devices[0]
	if d.Rendition != 32 || d.Setup.Position != (radio.Position{Latitude: 18.3432, Longitude: 105.905}) || s.plan.Areas[0].Kind != radio.Province {
		t.Errorf("%+v", d)
	}
	if p, err := bring(s, "noi.csv", placesCSV, false); err != nil || p.Written || p.Counts["unchanged"] != 6 || s.writes != 1 {
		t.Errorf("again: %+v, %v", p, err)
	}
	// What a row leaves empty stays.
	if _, err := bring(s, "noi.csv", "kind,code,name,parent\ndevice,loa-1,Cụm chợ,tdp-2\n", false); err != nil {
		t.Fatal(err)
	}
	if now := s.plan.Devices[0]; now.Rendition != 32 || now.Setup != d.Setup || now.Name != "Cụm chợ" || now.Hamlet == d.Hamlet || now.ID != d.ID {
		t.Errorf("%+v", now)
	}
}

// TestPlacesOfASpreadsheet: a province's zone left empty stays, and a telephone number gets
// the zero back that spreadsheets take off numbers.
func TestPlacesOfASpreadsheet(t *testing.T) {
	s := &placeShelf{}
	if _, err := bring(s, "noi.csv", placesCSV, false); err != nil {
		t.Fatal(err)
	}
	p, err := bring(s, "noi.csv", strings.NewReplacer("Asia/Ho_Chi_Minh", "", "0912345678", "912345678", "Tỉnh Thử", "Tỉnh · thử").Replace(placesCSV), false)
	if err != nil || p.Counts["unchanged"] != 5 || p.Counts["changed"] != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	// The name of the list above its headings, as administrations write them.
	if p, err := bring(s, "noi.csv", "DANH SÁCH CỤM LOA;;;\n;;;\nLoại;Mã;Tên;Mã cấp trên\nThôn;thon-9;Thôn Chín;xa-1\n", false); err != nil || p.Counts["created"] != 1 {
		t.Errorf("under a title: %+v, %v", p, err)
	}
	for number, want := range map[string]string{"912345678": "0912345678", "2393855999": "02393855999", "0912345678": "0912345678", "113": "113", "+84912345678": "+84912345678", "112345678": "112345678"} {
		if got := phoneWord(text{s: number}).s; got != want {
			t.Errorf("%s is read as %s", number, got)
		}
	}
}

// TestPlacesOfASheet: the same from XLSX, with the cell of what is wrong.
func TestPlacesOfASheet(t *testing.T) {
	f := excelize.NewFile()
	for i, line := range strings.Split(strings.TrimSpace(placesCSV), "\n") {
		for j, v := range strings.Split(line, ";") {
			cell, _ := excelize.CoordinatesToCellName(j+1, i+1)
			if err := f.SetCellStr("Sheet1", cell, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	sheet := func() string {
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	s := &placeShelf{}
	if p, err := bring(s, "noi.xlsx", sheet(), false); err != nil || p.Counts["created"] != 6 {
		t.Fatalf("%+v, %v", p, err)
	}
	if err := f.SetCellStr("Sheet1", "F2", "48"); err != nil {
		t.Fatal(err)
	}
	_, err := bring(&placeShelf{}, "noi.xlsx", sheet(), false)
	var e *radio.Invalid
	if !errors.As(err, &e) || len(e.Problems) != 1 || e.Problems[0].Field != "Sheet1!F2" {
		t.Errorf("%v", err)
	}
}

// TestPlacesTellEveryBadLine: each with line, column and reason; then nothing is written,
// however good the other lines are.
func TestPlacesTellEveryBadLine(t *testing.T) {
	s := &placeShelf{}
	if _, err := bring(s, "noi.csv", placesCSV, false); err != nil {
		t.Fatal(err)
	}
	s.plan = radio.AreaEffect{Areas: []radio.Area{{ID: radio.NewID[radio.AreaID](), Code: "xa-cu", Kind: radio.Commune, Name: "Xã Cũ", Parent: s.plan.Areas[1].ID, ValidTo: "2026-06-30"}}}.Over(s.plan)
	s.plan.AreaNames = []radio.AreaName{{Area: s.plan.Areas[1].ID, Code: "xa-0", Name: "Xã Không", Until: "2025-06-30"}}
	const head = "kind,code,name,parent,zone,rendition,latitude,longitude,contact,phone\n"
	for name, c := range map[string]struct{ text, want string }{
		"no such kind":      {"làng,a,A,xa-1,,,,,,\n", "noi.csv:2:1"},
		"no code":           {"thôn,,A,xa-1,,,,,,\n", "noi.csv:2:1"},
		"a bad code":        {"thôn,Thôn A,A,xa-1,,,,,,\n", "noi.csv:2:2"},
		"no name":           {"thôn,a,,xa-1,,,,,,\n", "noi.csv:2:1"},
		"no parent":         {"thôn,a,A,,,,,,,\n", "noi.csv:2:1"},
		"unknown parent":    {"thôn,a,A,xa-9,,,,,,\n", "noi.csv:2:4"},
		"parent of a level": {"thôn,a,A,tinh,,,,,,\n", "noi.csv:2:4"},
		"device in commune": {"device,a,A,xa-1,,,,,,\n", "noi.csv:2:4"},
		"twice":             {"thôn,a,A,xa-1,,,,,,\nthôn,a,B,xa-1,,,,,,\n", "noi.csv:3:2"},
		"a zone":            {"thôn,a,A,xa-1,UTC,,,,,\n", "noi.csv:2:5"},
		"a rendition":       {"device,a,A,thon-1,,128,,,,\n", "noi.csv:2:6"},
		"half a position":   {"device,a,A,thon-1,,,18.3,,,\n", "noi.csv:2:7"},
		"no position":       {"device,a,A,thon-1,,,105.9,18.3,,\n", "noi.csv:2:7"},
		"half a contact":    {"thôn,a,A,xa-1,,,,,Ông Ba,\n", "noi.csv:2:1"},
		"another kind":      {"xã,thon-1,Thôn Đông,tinh,,,,,,\n", "noi.csv:2:2"},
		"another parent":    {"xã,xa-5,Xã Năm,tinh,,,,,,\nthôn,thon-1,Thôn Đông,xa-5,,,,,,\n", "noi.csv:3:4"},
		"below what ended":  {"thôn,a,A,xa-cu,,,,,,\n", "noi.csv:2:4"},
		"a code of before":  {"xã,xa-0,Xã Không,tinh,,,,,,\n", "noi.csv:2:2"},
	} {
		before := s.writes
		_, err := bring(s, "noi.csv", head+c.text+"thôn,tot,Thôn Tốt,xa-1,,,,,,\n", false)
		var e *radio.Invalid
		if !errors.As(err, &e) || e.Problems[0].Field != c.want || e.Problems[0].VI == "" || e.Problems[0].EN == "" {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if s.writes != before {
			t.Errorf("%s: something was written", name)
		}
	}
	// What a spreadsheet makes of things, and words that are no Vietnamese on the screen.
	for name, c := range map[string]struct{ text, vi string }{
		"a formula's error": {"thôn,a,#N/A,xa-1,,,,,,\n", "ô chứa lỗi công thức #N/A; hãy ghi giá trị"},
		"TCVN3":             {"thôn,a,Th«n §«ng,xa-1,,,,,,\n", "\"Th«n §«ng\" là chữ của bảng mã cũ (TCVN3, phông .VnTime); hãy chuyển cả tệp sang Unicode"},
		"another level":     {"xã,thon-1,Thôn Đông,tinh,,,,,,\n", "địa bàn \"thon-1\" đang là thôn, tổ dân phố, không đổi cấp được"},
		"of a wrong level":  {"thôn,a,A,tinh,,,,,,\n", "\"tinh\" là tỉnh; cấp trên của thôn, tổ dân phố phải là xã, phường"},
		"a cluster there":   {"cụm loa,a,A,xa-1,,,,,,\n", "\"xa-1\" là xã, phường; cụm loa phải đặt ở thôn hoặc tổ dân phố"},
		"a new province":    {"tỉnh,a,A,,,,,,,\n", "tỉnh phải có múi giờ (zone), ví dụ Asia/Ho_Chi_Minh"},
	} {
		_, err := bring(s, "noi.csv", head+c.text, false)
		var e *radio.Invalid
		if !errors.As(err, &e) || len(e.Problems) != 1 || e.Problems[0].VI != c.vi {
			t.Errorf("%s: %v, want %s", name, err, c.vi)
		}
	}
	_, err := bring(s, "noi.csv", head+"làng,a,A,xa-1,,,,,,\nthôn,b,,xa-1,,,,,,\ndevice,c,C,thon-9,,,,,,\n", false)
	var e *radio.Invalid
	if !errors.As(err, &e) || len(e.Problems) != 3 {
		t.Errorf("not all of them at once: %v", err)
	}
	for name, text := range map[string]string{"noi.pdf": "x", "noi.xls": "\xd0\xcf\x11\xe0", "trong.csv": "", "dau.csv": head, "la.csv": "kind,code,name,màu\nthôn,a,A,xanh\n", "thieu.csv": "code,name\na,A\n", "hong.xlsx": "PK\x03\x04"} {
		if _, err := bring(s, name, text, false); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Every bad line, however many: the first two hundred were reported as if they were all.
	_, err = bring(s, "noi.csv", head+strings.Repeat("thôn,,A,xa-1,,,,,,\n", 700), false)
	if !errors.As(err, &e) || len(e.Problems) != 700 || e.Problems[699].Field != "noi.csv:701:1" {
		t.Errorf("%d problems told of 700", len(e.Problems))
	}
	var long strings.Builder
	long.WriteString(head)
	for i := range maxPlaceRows {
		fmt.Fprintf(&long, "device,c%d,C,thon-1,,,,,,\n", i)
	}
	if _, err := bring(s, "dai.csv", long.String(), false); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("too many rows: %v", err)
	}
}
