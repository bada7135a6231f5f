package web

import (
	"context"
	"net/http"
	"slices"
)

// leftOut are the keys of an address that a page could make nothing of.
type leftOut struct{ keys []string }

type leftOutKey struct{}

// tolerant lets a page leave out keys it does not know, and say so.
func tolerant(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), leftOutKey{}, &leftOut{}))
}

// exact takes that back: a file has no place to say so.
func exact(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), leftOutKey{}, (*leftOut)(nil)))
}

// leaveOut notes a key when the answer is a page; else it is not left out.
func leaveOut(r *http.Request, key string) bool {
	l, ok := r.Context().Value(leftOutKey{}).(*leftOut)
	if !ok || l == nil || r.Method != http.MethodGet {
		return false
	}
	if !slices.Contains(l.keys, key) && len(l.keys) < maxProblems {
		l.keys = append(l.keys, key)
	}
	return true
}

// unused are the keys a page left out.
func unused(r *http.Request) []string {
	if l, ok := r.Context().Value(leftOutKey{}).(*leftOut); ok && l != nil {
		return l.keys
	}
	return nil
}
