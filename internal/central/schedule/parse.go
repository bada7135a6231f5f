package schedule

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"loaxa/internal/radio"
)

const (
	// maxLineBytes and maxBrackets bound how deep a file can nest, because the
	// parser goes down by recursion.
	maxLineBytes = 4096
	maxBrackets  = 100
)

// parse reads one file into f; what is wrong lands in f.problems.
func parse(f *folder, file string, text []byte) {
	r := &reader{file: file, problems: &f.problems}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // editors on Windows write it
	if !r.readable(text) {
		return
	}
	root, ok := r.tree(text)
	if !ok || root == nil {
		return
	}
	m, ok := r.mapping(root)
	if !ok {
		return
	}
	f.take(m)
	m.rest()
}

// readable refuses what the parser should not see.
func (r *reader) readable(text []byte) bool {
	line, open := 1, 0
	for s := range bytes.Lines(text) {
		at := Pos{File: r.file, Line: line, Col: 1}
		switch {
		case !utf8.Valid(s):
			r.problems.add(at, "chữ không đúng mã UTF-8; hãy lưu tệp dạng UTF-8", "not valid UTF-8; save the file as UTF-8")
			return false
		case len(s) > maxLineBytes:
			r.problems.add(at, fmt.Sprintf("dòng dài quá %d byte", maxLineBytes), fmt.Sprintf("line longer than %d bytes", maxLineBytes))
			return false
		}
		open += bytes.Count(s, []byte("[")) + bytes.Count(s, []byte("{"))
		open -= bytes.Count(s, []byte("]")) + bytes.Count(s, []byte("}"))
		if open > maxBrackets {
			r.problems.add(at, "quá nhiều ngoặc mở", "too many open brackets")
			return false
		}
		open = max(open, 0)
		line++
	}
	return true
}

// tree parses the text; nil with ok for a file of comments only.
func (r *reader) tree(text []byte) (root ast.Node, ok bool) {
	// The parser is foreign code fed with files of strangers: a panic in it is a
	// file that cannot be read, not the end of the program.
	defer func() {
		if p := recover(); p != nil {
			r.problems.add(Pos{File: r.file}, "không đọc được YAML", fmt.Sprintf("cannot be read as YAML (%v)", p))
			root, ok = nil, false
		}
	}()
	doc, err := parser.ParseBytes(text, 0)
	if err != nil {
		r.syntax(err)
		return nil, false
	}
	switch {
	case len(doc.Docs) == 0:
		return nil, true
	case len(doc.Docs) > 1:
		at := Pos{File: r.file, Line: 1, Col: 1}
		if d := doc.Docs[1]; d.Start != nil {
			at.Line = d.Start.Position.Line
		}
		r.problems.add(at, "mỗi tệp chỉ một tài liệu YAML", "one YAML document per file")
		return nil, false
	}
	return doc.Docs[0].Body, true
}

func (r *reader) syntax(err error) {
	at := Pos{File: r.file, Line: 1, Col: 1}
	msg := err.Error()
	var e yaml.Error
	if errors.As(err, &e) {
		msg = e.GetMessage()
		if t := e.GetToken(); t != nil && t.Position != nil {
			at.Line, at.Col = t.Position.Line, t.Position.Column
		}
	}
	if strings.Contains(msg, "already defined") {
		r.problems.add(at, "khóa lặp lại", msg)
		return
	}
	r.problems.add(at, "sai cú pháp YAML", "YAML syntax: "+msg)
}

// reader turns YAML nodes into positioned values.
type reader struct {
	file     string
	problems *Problems
	form     sourceForm
	maxRows  int // of a table, headings included; 0: maxRows
}

// rows bounds a table.
func (r *reader) rows() int {
	if r.maxRows > 0 {
		return r.maxRows
	}
	return maxRows
}

func (r *reader) at(n ast.Node) Pos {
	p := Pos{File: r.file, Line: 1, Col: 1}
	// A mapping's own token is its first colon; its first key is what people see.
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		n = m.Values[0].Key
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return p
	}
	t := n.GetToken()
	p.Line, p.Col = t.Position.Line, t.Position.Column
	return p
}

// refuse notes a node of a kind that has no place there.
func (r *reader) refuse(n ast.Node, vi, en string) {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		vi, en = "không dùng neo, bí danh hay nhãn YAML (& * ! <<)", "no YAML anchors, aliases or tags (& * ! <<)"
	}
	r.problems.add(r.at(n), vi, en)
}

// mapping is a YAML mapping whose keys are taken one by one; rest refuses those
// nobody took.
type mapping struct {
	r     *reader
	at    Pos
	pairs []pair
}

type pair struct {
	key   string
	keyAt Pos
	value ast.Node
	taken bool
}

func (r *reader) mapping(n ast.Node) (*mapping, bool) {
	var values []*ast.MappingValueNode
	switch x := n.(type) {
	case *ast.MappingNode:
		values = x.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{x}
	default:
		r.refuse(n, "ở đây phải là các cặp khóa: giá trị", "want key: value pairs here")
		return nil, false
	}
	m := &mapping{r: r, at: r.at(n)}
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			r.refuse(v.Key, "khóa phải là chữ", "the key must be a word")
			continue
		}
		m.pairs = append(m.pairs, pair{key: key.Value, keyAt: r.at(key), value: v.Value})
	}
	return m, true
}

// get takes the value of a key; an empty or null value counts as absent.
func (m *mapping) get(key string) (ast.Node, bool) {
	for i := range m.pairs {
		if p := &m.pairs[i]; p.key == key {
			p.taken = true
			if _, null := p.value.(*ast.NullNode); null || p.value == nil {
				return nil, false
			}
			return p.value, true
		}
	}
	return nil, false
}

// rest refuses the keys that were not taken.
func (m *mapping) rest() {
	for _, p := range m.pairs {
		if !p.taken {
			m.r.problems.add(p.keyAt, fmt.Sprintf("không có khóa %q", clip(p.key)), fmt.Sprintf("unknown key %q", clip(p.key)))
		}
	}
}

// text is a scalar as it was written, with its place.
type text struct {
	s  string
	at Pos
}

// set says whether the key was there.
func (t text) set() bool { return t.at.Line != 0 }

// text takes a scalar in NFC; the zero text when the key is absent.
func (m *mapping) text(key string) text {
	n, ok := m.get(key)
	if !ok {
		return text{}
	}
	return m.r.scalar(n)
}

func (r *reader) scalar(n ast.Node) text { return r.words(n, "") }

// words is a single value without control characters, but those in allowed.
func (r *reader) words(n ast.Node, allowed string) text {
	t := text{at: r.at(n)}
	switch x := n.(type) {
	case *ast.StringNode:
		t.s = x.Value
	case *ast.LiteralNode:
		t.s = strings.TrimRight(x.Value.Value, "\n")
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		t.s = x.GetToken().Value // as written: 05 stays 05
	default:
		r.refuse(n, "ở đây phải là một giá trị đơn", "want a single value here")
		return text{}
	}
	return r.cleanBut(t, allowed)
}

// clean brings text to NFC without space around it, and refuses what no document
// holds.
func (r *reader) clean(t text) text { return r.cleanBut(t, "") }

// cleanBut lets the control characters in allowed pass.
func (r *reader) cleanBut(t text, allowed string) text {
	t.s = radio.TidyText(t.s)
	switch {
	case !utf8.ValidString(t.s):
		r.problems.add(t.at, "chữ không đúng mã UTF-8", "not valid UTF-8")
		t.s = strings.ToValidUTF8(t.s, "?")
	case strings.ContainsFunc(t.s, func(c rune) bool { return radio.NoText(c) && !strings.ContainsRune(allowed, c) }):
		r.problems.add(t.at, "có ký tự điều khiển hoặc ký tự ẩn", "control or hidden character inside")
	}
	return t
}

// need is text that must be there.
func (m *mapping) need(key string) text {
	n, ok := m.get(key)
	if !ok {
		m.r.problems.add(m.at, "thiếu "+key, "missing "+key)
		return text{}
	}
	t := m.r.scalar(n)
	if t.set() && t.s == "" {
		m.r.problems.add(t.at, key+" để trống", key+" is empty")
	}
	return t
}

// items takes a sequence's nodes.
func (m *mapping) items(key string) []ast.Node {
	n, ok := m.get(key)
	if !ok {
		return nil
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		m.r.refuse(n, fmt.Sprintf("%s phải là danh sách", key), fmt.Sprintf("%s must be a list", key))
		return nil
	}
	return s.Values
}

// texts takes a sequence of scalars.
func (m *mapping) texts(key string) []text {
	var out []text
	for _, n := range m.items(key) {
		if t := m.r.scalar(n); t.set() {
			out = append(out, t)
		}
	}
	return out
}

// each takes a sequence of mappings; every key of each must be taken by f.
func (m *mapping) each(key string, f func(*mapping)) {
	for _, n := range m.items(key) {
		if one, ok := m.r.mapping(n); ok {
			f(one)
			one.rest()
		}
	}
}

// clip bounds what of a file is repeated in a message.
func clip(s string) string {
	if utf8.RuneCountInString(s) > 64 {
		return string([]rune(s)[:64]) + "…"
	}
	return s
}
