package central

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"loaxa/internal/central/identity"
	"loaxa/internal/central/media"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// deviceServer answers devices: enrolment, renewal and audio.
func (c *Central) deviceServer(ca *identity.CA, devices *identity.Devices) (*http.Server, error) {
	cfg, err := ca.ServerTLS(c.cfg.Devices.Hosts, false)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(wire.EnrolPath, devices)
	mux.HandleFunc(wire.RenewPath, devices.ServeRenewal)
	mux.Handle(wire.MediaPath, media.New(audioFiles{c.files}, devices, c.cfg.Devices.Transfers, c.log.With("component", "media")))
	return &http.Server{Handler: fromDevice(mux), TLSConfig: cfg, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}, nil
}

// fromDevice tells the audit that what is done comes by the devices' HTTPS.
func fromDevice(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := radio.Source{Via: radio.ViaDevice}
		if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			o.Address = at.Addr().Unmap().WithZone("").String()
		}
		next.ServeHTTP(w, r.WithContext(radio.WithSource(r.Context(), o)))
	})
}

// serve answers HTTP until ctx ends, then lets requests finish for a while.
func serve(ctx context.Context, s *http.Server, listen string, secure bool, log *slog.Logger) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", listen, err)
	}
	s.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelInfo)
	ended := make(chan error, 1)
	go func() {
		if secure {
			ended <- s.ServeTLS(l, "", "")
			return
		}
		ended <- s.Serve(l)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", listen, err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(stop); err != nil {
		// A slow transfer goes on; the device fetches the rest another time.
		log.Info("connections are cut", "error", err)
		if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("stop serving on %s: %w", listen, err)
		}
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", listen, err)
	}
	return nil
}
