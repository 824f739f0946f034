// Command autoscaled keeps a cluster in the cloud as large as its queue needs.
//
// main.go turns signals and errors into contexts and exit codes; every command
// has a file of its own; wire.go is the one place where a configuration becomes
// parts.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // images may have no time zones

	_ "golang.org/x/crypto/x509roots/fallback" // nor CA roots
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	os.Exit(execute(ctx, commandLine(os.Args), os.Stdout, os.Stderr))
}
