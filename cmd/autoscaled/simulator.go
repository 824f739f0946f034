package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// simulatorOptions are the flags of `simulator cyclecloud`; what is not given comes from the
// config file.
type simulatorOptions struct {
	listen, config, user, password string
	speed                          float64
	seed                           uint64
	faults                         []string
}

func newSimulatorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "simulator",
		Short: "Serve a simulated cloud to try clients and scripts against",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newSimulatorCycleCloudCommand(), newSimulatorAnkaCommand())
	return cmd
}

func newSimulatorCycleCloudCommand() *cobra.Command {
	var o simulatorOptions
	cmd := &cobra.Command{
		Use:   "cyclecloud",
		Short: "Serve the REST API of a CycleCloud server, without the cloud",
		Long: `Serves the CycleCloud REST API from memory: clusters with limits that interact, nodes
that take their time to boot, capacity that runs out. Without --config there is one cluster, demo.
It runs until it is interrupted, and forgets everything then.`,
		Example: `  autoscaled simulator cyclecloud
  autoscaled simulator cyclecloud --listen 127.0.0.1:8080 --speed 60
  autoscaled simulator cyclecloud --config cluster.yaml --faults cut-after=0.05,status=0.1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSimulator(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address to serve on; port 0 takes a free one")
	f.StringVar(&o.config, "config", "", "YAML file that describes the server (see docs/simulator.md)")
	f.Float64Var(&o.speed, "speed", 1, "how many times faster than real time nodes boot and leave")
	f.Uint64Var(&o.seed, "seed", 1, "what chance depends on; equal seeds give equal servers")
	f.StringVar(&o.user, "user", "", "user name (default admin, or the config's)")
	f.StringVar(&o.password, "password", "", "password (default demo-password, or the config's)")
	f.StringSliceVar(&o.faults, "faults", nil, "KIND=RATE: calls that go wrong by chance, KIND one of status, status-after, cut-before, cut-after, malformed, truncated, html")
	return cmd
}

func runSimulator(cmd *cobra.Command, o simulatorOptions) error {
	cfg, err := o.serverConfig()
	if err != nil {
		return usageError(err)
	}
	server, err := cyclecloudtest.New(cfg, cyclecloudtest.NewClock(time.Now(), o.speed), o.seed)
	if err != nil {
		return usageError(err)
	}
	return serveSimulator(cmd, server, o.listen, func(url string) {
		printSimulator(cmd.OutOrStdout(), url, cfg, o.speed)
	})
}

// simulator is what serves a simulated cloud over HTTP.
type simulator interface {
	Start(addr string) (url string, err error)
	Close() error
}

// serveSimulator serves until it is interrupted, and tells where once it does.
func serveSimulator(cmd *cobra.Command, server simulator, listen string, tell func(url string)) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	url, err := server.Start(listen)
	if err != nil {
		return err
	}
	tell(url)
	<-ctx.Done()
	return server.Close()
}

// serverConfig reads the file, if there is one, and lays the flags over it.
func (o simulatorOptions) serverConfig() (cyclecloudtest.Config, error) {
	cfg := cyclecloudtest.DefaultConfig()
	if err := checkSpeed(o.speed); err != nil {
		return cfg, err
	}
	if o.config != "" {
		var err error
		if cfg, err = cyclecloudtest.LoadConfig(o.config); err != nil {
			return cfg, err
		}
	}
	if o.user != "" {
		cfg.User = o.user
	}
	if o.password != "" {
		cfg.Password = o.password
	}
	for _, text := range o.faults {
		kind, rate, err := parseFault(text)
		if err != nil {
			return cfg, err
		}
		cfg.Faults = append(cfg.Faults, cyclecloudtest.FaultRate{Kind: cyclecloudtest.FaultKind(kind), Rate: rate})
	}
	return cfg, nil
}

func checkSpeed(speed float64) error {
	if !(speed > 0) || math.IsInf(speed, 0) { // NaN is not above 0 either
		return errors.New("--speed must be above 0 and finite")
	}
	return nil
}

// parseFault reads KIND=RATE; which kinds and rates there are is the simulator's business.
func parseFault(text string) (kind string, rate float64, err error) {
	kind, number, found := strings.Cut(text, "=")
	rate, err = strconv.ParseFloat(number, 64)
	if !found || err != nil {
		return "", 0, fmt.Errorf("--faults %q: expected KIND=RATE, such as cut-after=0.05", text)
	}
	return kind, rate, nil
}

func printSimulator(out io.Writer, url string, cfg cyclecloudtest.Config, speed float64) {
	names := make([]string, len(cfg.Clusters))
	for i, c := range cfg.Clusters {
		names[i] = c.Name
	}
	fmt.Fprintf(out, "CycleCloud simulator\n  url       %s\n  user      %s\n  password  %s\n  cluster   %s\n  speed     %gx\n",
		url, cfg.User, cfg.Password, strings.Join(names, ", "), speed)
	fmt.Fprintf(out, "Try: curl -u %s:%s '%s/clusters/%s/status'\n", cfg.User, cfg.Password, url, names[0])
}
