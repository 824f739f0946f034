package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

const (
	// closing is how long answers under way may take once serving ends.
	closing = 2 * time.Second
	// readHeader bounds how long a client may take to say what it wants.
	readHeader = 10 * time.Second
	// readAll bounds how long all of a request may take to arrive, and idle how long a
	// connection is kept without one.
	readAll = 30 * time.Second
	idle    = 2 * time.Minute
	// headerBytes bounds what stands before a request's body.
	headerBytes = 64 << 10
)

// CheckWebConfig tells what is wrong with a web configuration file. An empty
// path is right.
func CheckWebConfig(path string) error { return toolkit.Validate(path) }

// Serve answers on a listener until ctx ends, then lets answers under way
// finish, for two seconds at most. The web configuration file is read anew for
// each connection; its path may be empty. Serve closes the listener.
func Serve(ctx context.Context, l net.Listener, h http.Handler, webConfigFile string) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: readHeader, ReadTimeout: readAll, IdleTimeout: idle, MaxHeaderBytes: headerBytes}
	flags := &toolkit.FlagConfig{WebConfigFile: &webConfigFile}
	return serve(ctx, server, func() error {
		return toolkit.Serve(l, server, flags, slog.New(slog.DiscardHandler))
	}, l.Addr().String())
}

// serve runs a server until it fails or ctx ends.
func serve(ctx context.Context, server *http.Server, run func() error, address string) error {
	failed := make(chan error, 1)
	go func() { failed <- run() }()
	select {
	case err := <-failed:
		_ = server.Close() // a server that never began still has its listener
		return fmt.Errorf("serve on %s: %w", address, err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		_ = server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", address, err)
	}
	return nil
}
