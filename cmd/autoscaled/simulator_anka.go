package main

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"autoscaled/anka/ankatest"
)

// ankaSimulatorOptions are the flags of `simulator anka`; what is not given comes from the config
// file.
type ankaSimulatorOptions struct {
	listen, config, shapes, errors, token string
	speed                                 float64
	seed                                  uint64
	faults                                []string
}

func newSimulatorAnkaCommand() *cobra.Command {
	var o ankaSimulatorOptions
	cmd := &cobra.Command{
		Use:   "anka",
		Short: "Serve the REST API of an Anka Build Cloud controller, without the Macs",
		Long: `Serves the controller API from memory: Macs with slots and disks, groups, templates that
take time to pull, instances that wait when nothing fits. Without --config there are twenty Macs,
ten with arm64 and ten with Intel. It runs until it is interrupted, and forgets everything then.`,
		Example: `  autoscaled simulator anka
  autoscaled simulator anka --listen 127.0.0.1:8090 --speed 20
  autoscaled simulator anka --config fleet.yaml --shapes 2019 --faults cut-after=0.05,status=0.1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runAnkaSimulator(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8090", "address to serve on; port 0 takes a free one")
	f.StringVar(&o.config, "config", "", "YAML file that describes the controller (see docs/simulator.md)")
	f.StringVar(&o.shapes, "shapes", "", "age of the answers: current or 2019 (default current, or the config's)")
	f.StringVar(&o.errors, "errors", "", "how failures look: status (4xx) or ok (200 with FAIL); the default goes with the shapes")
	f.StringVar(&o.token, "root-token", "", "ask for this token of the user root (default: let everybody in, or the config's)")
	f.Float64Var(&o.speed, "speed", 1, "how many times faster than real time VMs start and templates are pulled")
	f.Uint64Var(&o.seed, "seed", 1, "what chance depends on; equal seeds give equal servers")
	f.StringSliceVar(&o.faults, "faults", nil, "KIND=RATE: calls that go wrong by chance, KIND one of status, status-after, cut-before, cut-after, malformed, truncated, html")
	return cmd
}

func runAnkaSimulator(cmd *cobra.Command, o ankaSimulatorOptions) error {
	cfg, err := o.serverConfig()
	if err != nil {
		return usageError(err)
	}
	server, err := ankatest.New(cfg, ankatest.NewClock(time.Now(), o.speed), o.seed)
	if err != nil {
		return usageError(err)
	}
	return serveSimulator(cmd, server, o.listen, func(url string) {
		printAnkaSimulator(cmd.OutOrStdout(), url, cfg, server, o.speed)
	})
}

// serverConfig reads the file, if there is one, and lays the flags over it.
func (o ankaSimulatorOptions) serverConfig() (ankatest.Config, error) {
	cfg := ankatest.DefaultConfig()
	if err := checkSpeed(o.speed); err != nil {
		return cfg, err
	}
	if o.config != "" {
		var err error
		if cfg, err = ankatest.LoadConfig(o.config); err != nil {
			return cfg, err
		}
	}
	for _, flag := range []struct {
		key   *string
		given string
	}{{&cfg.Shapes, o.shapes}, {&cfg.Errors, o.errors}, {&cfg.Auth.RootToken, o.token}} {
		if flag.given != "" {
			*flag.key = flag.given
		}
	}
	for _, text := range o.faults {
		kind, rate, err := parseFault(text)
		if err != nil {
			return cfg, err
		}
		cfg.Faults = append(cfg.Faults, ankatest.FaultRate{Kind: ankatest.FaultKind(kind), Rate: rate})
	}
	return cfg, nil
}

func printAnkaSimulator(out io.Writer, url string, cfg ankatest.Config, server *ankatest.Server, speed float64) {
	fmt.Fprintf(out, "Anka controller simulator\n  url       %s\n  macs      %d\n", url, len(server.Books().Nodes))
	var first string
	for _, t := range cfg.Templates {
		if id, err := server.TemplateID(t.Name); err == nil {
			fmt.Fprintf(out, "  template  %s  %s\n", id, t.Name)
			first = cmp.Or(first, id)
		}
	}
	fmt.Fprintf(out, "  speed     %gx\n", speed)
	auth := ""
	if cfg.Auth.RootToken != "" {
		auth = "-u root:TOKEN "
	}
	fmt.Fprintf(out, "Try: curl %s'%s/api/v1/node'\n", auth, url)
	if first != "" {
		fmt.Fprintf(out, "     curl %s'%s/api/v1/vm' -d '{\"vmid\": \"%s\", \"count\": 2}'\n", auth, url, first)
	}
}
