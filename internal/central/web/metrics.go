package web

import (
	"net/http"
	"time"
)

// metrics answers a monitor. It asks for the right to see devices: numbers tell, too.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) error {
	s.Metrics.ServeHTTP(w, r)
	return nil
}

// noted remembers an answer's status.
type noted struct {
	http.ResponseWriter
	status int
}

func (n *noted) WriteHeader(status int) {
	if n.status == 0 {
		n.status = status
	}
	n.ResponseWriter.WriteHeader(status)
}

func (n *noted) Write(b []byte) (int, error) {
	if n.status == 0 {
		n.status = http.StatusOK
	}
	return n.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// measured tells Observe of every request.
func (s *Server) measured(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, begin := &noted{ResponseWriter: w}, time.Now()
		// Also of an answer that is cut off by a panic.
		defer func() { s.Observe(pattern, n.status, time.Since(begin)) }()
		next.ServeHTTP(n, r)
	})
}
