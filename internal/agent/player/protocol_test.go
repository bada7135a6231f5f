package player

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
)

func TestFramesThereAndBack(t *testing.T) {
	item := Item{Start: time.Hour, EndBy: 2 * time.Hour, Frames: 100, Head: 1105, Tail: 3, SkipFrames: 7, GainDB: -6.5}
	headers := []header{
		{Kind: kindOpen, Version: protocolVersion, Output: &output.Config{Driver: "oto", RingMS: 400, TeeDir: "/tmp/x"}},
		{Kind: kindItem, Seq: 1, Item: &item},
		{Kind: kindEOF, Seq: 1}, {Kind: kindBroken, Seq: 2, Reason: "gone"}, {Kind: kindStop, Seq: 3}, {Kind: kindStop}, {Kind: kindEnd},
	}
	var wire bytes.Buffer
	for _, h := range headers {
		if err := writeHeader(&wire, h); err != nil {
			t.Fatal(err)
		}
		if err := writeData(&wire, 9, []byte(h.Kind)); err != nil {
			t.Fatal(err)
		}
	}
	r := &frameReader{r: &wire}
	for _, want := range headers {
		f, err := r.next()
		if err != nil || f.header == nil || f.header.Kind != want.Kind || f.header.Seq != want.Seq || f.header.Reason != want.Reason {
			t.Fatalf("%+v, %v; want %+v", f.header, err, want)
		}
		if want.Item != nil && *f.header.Item != item || want.Output != nil && *f.header.Output != *want.Output {
			t.Fatalf("%+v", f.header)
		}
		if f, err = r.next(); err != nil || f.seq != 9 || string(f.data) != want.Kind {
			t.Fatalf("%+v, %v", f, err)
		}
	}
	if _, err := r.next(); err != io.EOF {
		t.Fatalf("end: %v", err)
	}
}

func TestFramesRefused(t *testing.T) {
	frame := func(kind byte, body string) []byte {
		var w bytes.Buffer
		if err := writeFrame(&w, kind, nil, []byte(body)); err != nil {
			t.Fatal(err)
		}
		return w.Bytes()
	}
	for name, raw := range map[string][]byte{
		"unknown kind":     frame('h', `{"kind":"dance"}`),
		"unknown field":    frame('h', `{"kind":"end","then":"dance"}`),
		"something after":  frame('h', `{"kind":"end"}{}`),
		"open without":     frame('h', `{"kind":"open","version":1}`),
		"other version":    frame('h', `{"kind":"open","version":2,"output":{"driver":"null"}}`),
		"item without":     frame('h', `{"kind":"item","seq":1}`),
		"item of nothing":  frame('h', `{"kind":"item","seq":1,"item":{"start_mono_ns":0,"frames":0,"head":0,"tail":0}}`),
		"item number 0":    frame('h', `{"kind":"item","item":{"start_mono_ns":0,"frames":5,"head":0,"tail":0}}`),
		"eof of nothing":   frame('h', `{"kind":"eof"}`),
		"stop below":       frame('h', `{"kind":"stop","seq":-1}`),
		"long header":      frame('h', string(bytes.Repeat([]byte(" "), maxHeader+1))),
		"data of nothing":  frame('d', "\x00\x00\x00\x01"),
		"other frame type": frame('j', "{}"),
		"too long":         {0, 0, 0x40, 6, 'd'},
		"empty":            {0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := (&frameReader{r: bytes.NewReader(raw)}).next(); !errors.Is(err, radio.ErrInvalid) {
				t.Fatalf("error %v", err)
			}
		})
	}
	for name, raw := range map[string][]byte{"cut length": {0, 0}, "cut body": {0, 0, 0, 9, 'h', '{'}} {
		if _, err := (&frameReader{r: bytes.NewReader(raw)}).next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestEventsRefused(t *testing.T) {
	for _, line := range []string{
		``, `{}`, `null`, `[]`, `{"kind":"dance"}`, `{"kind":"started"}`, `{"kind":"ended","seq":-1}`, `{"kind":"opened","seq":1}`,
		`{"kind":"ended","seq":1,"expected":5,"consumed":6}`, `{"kind":"progress","consumed":-1}`, `{"kind":"closed","x":1}`,
		`{"kind":"closed"} {}`, `{"kind":"want","seq":1,"bytes":-5}`,
	} {
		if e, err := parseEvent([]byte(line)); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%q: %+v, %v", line, e, err)
		}
	}
}

func FuzzFrames(f *testing.F) {
	var wire bytes.Buffer
	for _, h := range []header{{Kind: kindEnd}, {Kind: kindItem, Seq: 1, Item: &Item{Frames: 9}}} {
		if err := writeHeader(&wire, h); err != nil {
			f.Fatal(err)
		}
	}
	if err := writeData(&wire, 1, []byte("audio")); err != nil {
		f.Fatal(err)
	}
	f.Add(wire.Bytes())
	f.Add([]byte{0, 0, 0, 2, 'h', '{'})
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := &frameReader{r: bytes.NewReader(raw)}
		for {
			got, err := r.next()
			if err != nil {
				return
			}
			if got.header == nil && (len(got.data) == 0 || len(got.data) > maxData) {
				t.Fatalf("data of %d bytes", len(got.data))
			}
			if got.header != nil && got.header.Kind == kindItem && got.header.Item.Expected() < 1 {
				t.Fatalf("item of nothing: %+v", got.header.Item)
			}
		}
	})
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"kind":"ended","seq":1,"expected":5,"consumed":4,"reason":"complete"}`))
	f.Add([]byte(`{"kind":"opened","driver":"oto","device":"default","proof":"consumed"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := parseEvent(line)
		if err == nil && (e.Consumed < 0 || e.Seq < 0 || e.Kind == "") {
			t.Fatalf("%+v", e)
		}
	})
}
