package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"autoscaled/cyclecloud/cyclecloudtest"
	"autoscaled/internal/slurmlab"
)

// slurmDemoLines are the nodes and partitions: all are powered down, and none is more than a
// name. No job of hpc may have more than 16 nodes, so that one fits nothing.
const slurmDemoLines = `
NodeName=htc-[1-120] CPUs=4 RealMemory=7000 Feature=cloud Weight=10 State=CLOUD
NodeName=hpc-[1-24] Sockets=2 CoresPerSocket=22 ThreadsPerCore=1 RealMemory=340000 Feature=cloud Weight=20 State=CLOUD
PartitionName=htc Nodes=htc-[1-120] Default=YES DefMemPerCPU=1000 MaxTime=24:00:00 State=UP
PartitionName=hpc Nodes=hpc-[1-24] MaxNodes=16 OverSubscribe=EXCLUSIVE MaxTime=24:00:00 State=UP
`

const slurmDemoConfig = `state_dir: autoscaled
listen: 127.0.0.1:0
interval: 2s
clusters:
  - name: demo
    cyclecloud: {url: "%s", cluster: demo, user: admin, password_file: password, timeout: 10s}
    queue:
      slurm:
        conf: %s
        commands: %s
        mode: power_saving
        nodes:
          - {names: "htc-[1-120]", nodearray: htc}
          - {names: "hpc-[1-24]", nodearray: hpc, placement_group: pg0}
    policy:
      max: 144
      pools: [{name: htc, nodearray: htc}, {name: hpc, nodearray: hpc}]
`

// start starts Slurm and the simulator, and makes this program's hooks Slurm's.
func (d *slurmDemo) start(ctx context.Context, seed uint64) (err error) {
	fmt.Fprintf(d.out, "A Slurm of its own, enclosed: 144 nodes that are but names. %s in the first minute.\n\n", counted(len(d.jobs), "job"))
	d.slurm, err = slurmlab.Start(ctx, slurmlab.Options{
		Dir: d.dir, Port: 27000, Lines: slurmDemoLines, Power: true,
		SuspendTime: 15 * time.Second, SuspendTimeout: 8 * time.Second, ResumeTimeout: 2 * time.Minute, Lost: time.Minute,
	})
	if err != nil {
		return d.withLog(err, "log/slurmctld.out")
	}
	if err := d.startCloud(seed); err != nil {
		return err
	}
	d.fleet = slurmlab.NewFleet(d.slurm, d.cloud, demoCluster, nil)
	text := fmt.Sprintf(slurmDemoConfig, d.url, d.slurm.Conf(), d.slurm.Bin())
	return errors.Join(
		os.WriteFile(d.path("autoscaled.yaml"), []byte(text), 0o600),
		os.WriteFile(d.path("password"), []byte("demo-password\n"), 0o600),
		d.hooks(),
	)
}

// startCloud starts the simulator. Its nodes take some fifteen seconds to boot.
func (d *slurmDemo) startCloud(seed uint64) (err error) {
	config := cyclecloudtest.DefaultConfig()
	config.Timing = cyclecloudtest.Timing{Boot: 15 * time.Second, BootSigma: 0.2, Terminate: 3 * time.Second, Restart: 3 * time.Second}
	config.Regions = nil
	config.Clusters = []cyclecloudtest.ClusterConfig{{Name: demoCluster, Nodearrays: []cyclecloudtest.NodearrayConfig{
		{Name: "htc", Buckets: []cyclecloudtest.BucketConfig{{MachineType: demoMachine}}},
		{Name: "hpc", Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_HC44rs"}}},
	}}}
	if d.cloud, err = cyclecloudtest.New(config, cyclecloudtest.NewClock(time.Now(), 1), seed); err != nil {
		return err
	}
	d.url, err = d.cloud.Start("127.0.0.1:0")
	return err
}

// hooks makes this program's hooks those of Slurm. Each call leaves a line.
func (d *slurmDemo) hooks() error {
	var failed []error
	quoted := "'" + strings.ReplaceAll(d.program, "'", `'\''`) + "'"
	for _, name := range []string{"resume", "suspend", "resume-fail"} {
		body := fmt.Sprintf("echo %[1]s \"$1\" >>%[2]s\nexec %[3]s slurm %[1]s \"$1\" -c %[4]s 2>>%[2]s", name, d.slurm.Log("hooks"), quoted, d.path("autoscaled.yaml"))
		failed = append(failed, d.slurm.Program(name, body))
	}
	return errors.Join(failed...)
}

// serve runs the daemon until running ends. Its process has a group of its own: Ctrl-C on the
// terminal is not meant for it.
func (d *slurmDemo) serve(running context.Context) error {
	log, err := os.Create(d.path("log/autoscaled.log"))
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	defer log.Close()
	cmd := exec.CommandContext(running, d.program, "run", "-c", d.path("autoscaled.yaml"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Run(); running.Err() == nil {
		return d.withLog(fmt.Errorf("the daemon ended by itself: %w", err), "log/autoscaled.log")
	}
	return nil
}

// close ends what start has started.
func (d *slurmDemo) close() error {
	var failed []error
	if d.cloud != nil {
		failed = append(failed, d.cloud.Close())
	}
	if d.slurm != nil {
		failed = append(failed, d.slurm.Close())
	}
	return errors.Join(failed...)
}

func (d *slurmDemo) path(name string) string { return filepath.Join(d.dir, name) }

// withLog adds the end of a log, which goes with its folder.
func (d *slurmDemo) withLog(err error, name string) error {
	text, readErr := os.ReadFile(d.path(name))
	if readErr != nil {
		return err
	}
	const most = 10
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("%w; the end of its log:\n%s", err, strings.Join(lines[max(0, len(lines)-most):], "\n"))
}
