package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
)

// This file reads bbolt's file format (version 2) by itself, because bbolt trusts
// its pages: a flipped bit makes it panic, read elsewhere or walk in a circle. check
// proves a file before bbolt is let at it; scan finds the values in one that is
// broken. Numbers are in the machine's own byte order.

const (
	pageSize   = 4096
	pageHeader = 16
	element    = 16 // of a branch or leaf page

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10

	bucketElement = 0x01
	bucketHead    = 16

	metaMagic   = 0xED0CDAED
	metaVersion = 2
)

var native = binary.NativeEndian

// image is a whole file.
type image []byte

// page is one page with its overflow.
type page struct {
	id       uint64
	flags    uint16
	count    int
	overflow uint64
	body     []byte // from the header on
}

// at reads the page at an id; ok is false unless it lies inside the file and says
// that it is this page.
func (f image) at(id uint64) (page, bool) {
	if id >= uint64(len(f)/pageSize) {
		return page{}, false
	}
	p := parsePage(f[id*pageSize:])
	end := (id + 1 + p.overflow) * pageSize
	if p.id != id || end > uint64(len(f)) {
		return page{}, false
	}
	p.body = f[id*pageSize : end]
	return p, true
}

// parsePage needs at least a header.
func parsePage(b []byte) page {
	return page{id: native.Uint64(b), flags: native.Uint16(b[8:]), count: int(native.Uint16(b[10:])),
		overflow: uint64(native.Uint32(b[12:])), body: b}
}

// leaf gives element i of a leaf page.
func (p page) leaf(i int) (flags uint32, key, value []byte, ok bool) {
	at := pageHeader + i*element
	if at+element > len(p.body) {
		return 0, nil, nil, false
	}
	e := p.body[at:]
	start := uint64(at) + uint64(native.Uint32(e[4:]))
	middle := start + uint64(native.Uint32(e[8:]))
	end := middle + uint64(native.Uint32(e[12:]))
	if end > uint64(len(p.body)) {
		return 0, nil, nil, false
	}
	return native.Uint32(e), p.body[start:middle], p.body[middle:end], true
}

// branch gives element i of a branch page.
func (p page) branch(i int) (key []byte, child uint64, ok bool) {
	at := pageHeader + i*element
	if at+element > len(p.body) {
		return nil, 0, false
	}
	e := p.body[at:]
	start := uint64(at) + uint64(native.Uint32(e))
	end := start + uint64(native.Uint32(e[4:]))
	if end > uint64(len(p.body)) {
		return nil, 0, false
	}
	return p.body[start:end], native.Uint64(e[8:]), true
}

// meta is what a meta page says.
type meta struct {
	root, freelist, pages, tx uint64
}

func (f image) meta(id int) (meta, bool) {
	b := f[id*pageSize+pageHeader:]
	sum := fnv.New64a()
	sum.Write(b[:56])
	if native.Uint32(b) != metaMagic || native.Uint32(b[4:]) != metaVersion ||
		native.Uint32(b[8:]) != pageSize || native.Uint64(b[56:]) != sum.Sum64() {
		return meta{}, false
	}
	return meta{root: native.Uint64(b[16:]), freelist: native.Uint64(b[32:]),
		pages: native.Uint64(b[40:]), tx: native.Uint64(b[48:])}, true
}

// checker walks the tree of the newest committed transaction.
type checker struct {
	f     image
	pages uint64
	seen  []bool
}

// check proves that every page is reached once, keys are in order, values have
// their checksums, and no used page counts as free.
func check(f image) error {
	if len(f) < 4*pageSize {
		return fmt.Errorf("file of %d bytes", len(f))
	}
	m, ok := f.meta(0)
	if other, ok1 := f.meta(1); ok1 && (!ok || other.tx > m.tx) {
		m, ok = other, true
	}
	if !ok {
		return fmt.Errorf("no valid meta page")
	}
	if m.pages > uint64(len(f)/pageSize) {
		return fmt.Errorf("file of %d bytes should have %d pages", len(f), m.pages)
	}
	c := &checker{f: f, pages: m.pages, seen: make([]bool, m.pages)}
	if err := c.tree(m.root, nil, nil, false); err != nil {
		return err
	}
	return c.freelist(m.freelist)
}

// take marks a page as used.
func (c *checker) take(id uint64) (page, error) {
	p, ok := c.f.at(id)
	if !ok || id < 2 || id+p.overflow >= c.pages {
		return p, fmt.Errorf("page %d is not one", id)
	}
	for i := id; i <= id+p.overflow; i++ {
		if c.seen[i] {
			return p, fmt.Errorf("page %d is reached twice", i)
		}
		c.seen[i] = true
	}
	return p, nil
}

// tree checks the pages below id, whose keys lie in [lo, hi); nil is open.
func (c *checker) tree(id uint64, lo, hi []byte, values bool) error {
	p, err := c.take(id)
	if err != nil {
		return err
	}
	switch p.flags {
	case leafPage:
		return c.leaf(p, lo, hi, values)
	case branchPage:
		if p.count == 0 {
			return fmt.Errorf("branch page %d is empty", id)
		}
		for i := range p.count {
			key, child, ok := p.branch(i)
			next := hi
			if i+1 < p.count {
				after, _, ok1 := p.branch(i + 1)
				ok = ok && ok1 && bytes.Compare(key, after) < 0
				next = after
			}
			if !ok || outside(key, lo, hi) {
				return fmt.Errorf("branch page %d: element %d", id, i)
			}
			if err := c.tree(child, key, next, values); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("page %d has flags %#x", id, p.flags)
}

func outside(key, lo, hi []byte) bool {
	return (lo != nil && bytes.Compare(key, lo) < 0) || (hi != nil && bytes.Compare(key, hi) >= 0)
}

// leaf checks one leaf; values says whether it belongs to our bucket.
func (c *checker) leaf(p page, lo, hi []byte, values bool) error {
	var last []byte
	for i := range p.count {
		flags, key, value, ok := p.leaf(i)
		if !ok || len(key) == 0 || outside(key, lo, hi) || (last != nil && bytes.Compare(key, last) <= 0) {
			return fmt.Errorf("leaf page %d: element %d", p.id, i)
		}
		last = key
		switch {
		case !values && flags == bucketElement && bytes.Equal(key, bucketName):
			if err := c.bucket(value); err != nil {
				return err
			}
		case values && flags == 0:
			if _, _, ok := decode(key, value); !ok {
				return fmt.Errorf("checksum of key %q does not match", key)
			}
		default:
			return fmt.Errorf("leaf page %d: element %d does not belong here", p.id, i)
		}
	}
	return nil
}

// bucket checks our bucket: its own tree, or a small page inside the value.
func (c *checker) bucket(value []byte) error {
	inner, root, ok := bucketOf(value)
	switch {
	case !ok:
		return fmt.Errorf("bucket of %d bytes", len(value))
	case root != 0:
		return c.tree(root, nil, nil, true)
	case inner.flags != leafPage:
		return fmt.Errorf("inline bucket with flags %#x", inner.flags)
	}
	return c.leaf(inner, nil, nil, true)
}

func bucketOf(value []byte) (inner page, root uint64, ok bool) {
	if len(value) < bucketHead {
		return page{}, 0, false
	}
	if root = native.Uint64(value); root != 0 {
		return page{}, root, true
	}
	if len(value) < bucketHead+pageHeader {
		return page{}, 0, false
	}
	return parsePage(value[bucketHead:]), 0, true
}

// freelist checks that no page in use is listed as free.
func (c *checker) freelist(id uint64) error {
	p, err := c.take(id)
	if err != nil {
		return err
	}
	count, at := uint64(p.count), pageHeader
	if count == 0xFFFF { // then the first element holds the count
		count, at = native.Uint64(p.body[pageHeader:]), pageHeader+8
	}
	if p.flags != freelistPage || count > uint64(len(p.body)-at)/8 {
		return fmt.Errorf("freelist of %d pages", count)
	}
	var last uint64
	for i := range count {
		free := native.Uint64(p.body[uint64(at)+i*8:])
		if free < 2 || free >= c.pages || free <= last || c.seen[free] {
			return fmt.Errorf("page %d counts as free", free)
		}
		last = free
	}
	return nil
}

// scan shows every value with a right checksum in any leaf page of the file, in use
// or not, whatever the tree looks like; the same key can come in several ages.
func scan(f image, found func(gen uint64, key, data []byte)) {
	var leaf func(p page)
	leaf = func(p page) {
		for i := range p.count {
			flags, key, value, ok := p.leaf(i)
			if !ok || len(key) == 0 {
				continue
			}
			if flags == bucketElement {
				if inner, root, ok := bucketOf(value); ok && root == 0 && inner.flags == leafPage && len(value) < pageSize {
					leaf(inner)
				}
				continue
			}
			if gen, data, ok := decode(key, value); ok {
				found(gen, key, data)
			}
		}
	}
	for id := range uint64(len(f) / pageSize) {
		p, ok := f.at(id)
		if !ok {
			// The overflow may be what is wrong: the first page alone still counts.
			p = parsePage(f[id*pageSize : (id+1)*pageSize])
		}
		if p.flags == leafPage {
			leaf(p)
		}
	}
}
