package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/config"
	"autoscaled/cyclecloud/cyclecloudtest"
)

const azslurmFiles = "../../queue/slurm/azslurm/testdata"

// What is printed is a configuration that check is content with, once the password is
// where it says; and the password is nowhere.
func TestImportAzslurm(t *testing.T) {
	for name, files := range map[string][2]string{
		"import-cycle4": {"cycle4/autoscale.json", "cycle4/slurm.conf"}, "import-groups": {"groups.json", "groups.conf"},
	} {
		s := newSite(t, nil)
		require.NoError(t, os.CopyFS(s.dir, os.DirFS(azslurmFiles)))
		r := s.command("import", "azslurm", s.path(files[0]), "--slurm-conf", s.path(files[1]), "--password-file", "password")
		require.Zero(t, r.code, r.err)
		require.NotContains(t, r.out+r.err, "S3cret")
		require.Contains(t, r.err, "password: not printed; put it into password")
		golden(t, name+".txt", strings.ReplaceAll(r.out+"\non standard error:\n"+r.err, s.dir+"/", ""))
		s.write("imported.yaml", r.out)
		c, err := config.Load(s.path("imported.yaml"))
		require.NoError(t, err, r.out)
		require.True(t, c.DryRun)
		require.Equal(t, "all", c.Clusters[0].Scaling.Adopt)

		s.write("password", "S3cret")
		s.file = s.path("imported.yaml")
		r = s.command("check")
		require.Zero(t, r.code, r.err)
		require.Contains(t, r.out, "ok    config")
	}
}

// In the shared folder that autoscale.json names there is a slurm.conf.
func TestImportAzslurmFindsSlurmConf(t *testing.T) {
	s := newSite(t, nil)
	require.NoError(t, os.CopyFS(s.path("sched"), os.DirFS(filepath.Join(azslurmFiles, "cycle4"))))
	s.write("autoscale.json", `{"cluster_name": "a: b # c", "username": "u", "url": "https://x", "config_dir": "`+s.path("sched")+`"}`)
	r := s.command("import", "azslurm", s.path("autoscale.json"))
	require.Zero(t, r.code, r.err)
	s.write("imported.yaml", r.out)
	c, err := config.Load(s.path("imported.yaml"))
	require.NoError(t, err)
	require.Equal(t, "a: b # c", c.Clusters[0].Name)
	require.Len(t, c.Clusters[0].Queue.Slurm.Nodes, 4)
}

func TestImportAzslurmErrors(t *testing.T) {
	s := newSite(t, nil)
	s.write("bad.json", `{"url": 1, "password": "hunter2"}`)
	s.write("bare.json", `{"cluster_name": "c", "username": "u", "url": "https://x", "config_dir": "/nonexistent", "nodearrays": {"htc": {}}}`)
	s.write("slurm.conf", "Include nowhere.conf\n")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"none.json"}, exitFailure, "none.json: no such file"},
		{[]string{"bad.json"}, exitFailure, "url is no text; cluster_name is missing; username is missing"},
		{[]string{"bare.json"}, exitFailure, "give --slurm-conf the cluster's slurm.conf"},
		{[]string{"bare.json", "--slurm-conf", s.path("slurm.conf")}, exitFailure, "nowhere.conf: no such file"},
		{[]string{}, exitUsage, "accepts 1 arg"},
	} {
		if len(c.args) > 0 {
			c.args[0] = s.path(c.args[0])
		}
		r := s.command(append([]string{"import", "azslurm"}, c.args...)...)
		require.Equal(t, c.code, r.code)
		require.Contains(t, r.err, c.want)
		require.NotContains(t, r.err, "hunter2")
		require.Empty(t, r.out)
	}
}

// With --connect the cloud tells what no file does, and nothing is guessed.
func TestImportAzslurmConnects(t *testing.T) {
	cloud := cyclecloudtest.DefaultConfig()
	slurm := func(hpc any) map[string]any {
		return map[string]any{"slurm": map[string]any{"hpc": hpc, "autoscale": true}}
	}
	cloud.Clusters = []cyclecloudtest.ClusterConfig{{Name: "HPC One", Nodearrays: []cyclecloudtest.NodearrayConfig{
		{Name: "hpc", Configuration: slurm(true), Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_HC44rs"}}},
		{Name: "htc", Configuration: slurm("false"), Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_F4s_v2"}, {MachineType: "Standard_F2s_v2"}}},
		{Name: "gpu", Configuration: slurm(false), Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_NC24ads_A100_v4"}}},
		{Name: "dynamic", Configuration: slurm(nil), Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_F4s_v2"}, {MachineType: "Standard_F2s_v2"}}},
		{Name: "login", Configuration: map[string]any{"slurm": map[string]any{"autoscale": "false"}}, Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_F2s_v2"}}},
	}}}
	s := newSiteOf(t, cloud, 1, nil)
	require.NoError(t, os.CopyFS(s.dir, os.DirFS(azslurmFiles)))
	text, err := os.ReadFile(s.path("cycle4/autoscale.json"))
	require.NoError(t, err)
	s.write("autoscale.json", strings.NewReplacer("https://10.1.0.10:9443", s.url, "hpc-one-autoscaler", "admin").Replace(string(text)))
	args := []string{"import", "azslurm", s.path("autoscale.json"), "--slurm-conf", s.path("cycle4/slurm.conf"), "--connect", "--password-file"}
	r := s.command(append(args, s.path("password"))...)
	require.Zero(t, r.code, r.err)
	require.NotContains(t, r.err, "guessed")
	require.NotContains(t, r.err, "placement group")
	s.write("imported.yaml", r.out)
	c, err := config.Load(s.path("imported.yaml"))
	require.NoError(t, err)
	require.Equal(t, []config.SlurmNodes{
		{Names: "hpc-one-hpc-[1-100]", Nodearray: "hpc", MachineType: "Standard_HC44rs", Group: "Standard_HC44rs_pg0"},
		{Names: "hpc-one-htc-[1-500]", Nodearray: "htc", MachineType: "Standard_F4s_v2"},
		{Names: "hpc-one-gpu-[1-8]", Nodearray: "gpu", MachineType: "Standard_NC24ads_A100_v4"},
		{Feature: "dyn", Nodearray: "dynamic"},
	}, c.Clusters[0].Queue.Slurm.Nodes)

	// A certificate of the server's own making is told, and pinned.
	served := httptest.NewTLSServer(s.server.Handler())
	defer served.Close()
	s.write("autoscale.json", strings.NewReplacer("https://10.1.0.10:9443", served.URL, "hpc-one-autoscaler", "admin").Replace(string(text)))
	r = s.command(append(args, s.path("password"))...)
	require.Equal(t, exitBlind, r.code)
	shown := regexp.MustCompile(`fingerprint ([0-9a-fA-F:]+)`).FindStringSubmatch(r.err)
	require.Len(t, shown, 2, r.err)
	r = s.command(append(args, s.path("password"), "--fingerprint", shown[1])...)
	require.Zero(t, r.code, r.err)
	s.write("imported.yaml", r.out)
	c, err = config.Load(s.path("imported.yaml"))
	require.NoError(t, err)
	require.Equal(t, shown[1], c.Clusters[0].CycleCloud.TLS.Fingerprint)

	s.write("wrong", "hunter2")
	r = s.command(append(args, s.path("wrong"), "--fingerprint", shown[1])...)
	require.Equal(t, exitBlind, r.code)
	require.Contains(t, r.err, "401")
	require.Empty(t, r.out)
}
