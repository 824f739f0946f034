package azslurm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func read(t *testing.T, name string) *Autoscale {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	require.NoError(t, err)
	defer f.Close()
	a, err := ReadAutoscale(f)
	require.NoError(t, err)
	return a
}

// A cluster as it is made today: the nodearrays stand in slurm.conf only.
func TestReadsTodaysCluster(t *testing.T) {
	a := read(t, "cycle4/autoscale.json")
	require.Equal(t, "https://10.1.0.10:9443 HPC One hpc-one-autoscaler /sched/hpc-one", strings.Join([]string{a.URL, a.Cluster, a.User, a.ConfigDir}, " "))
	require.True(t, a.HasPassword)
	for _, key := range []string{"accounting", "boot_timeout", "cost", "default_resources", "disable_default_resources", "idle_timeout", "lock_file", "logging", "pbspro"} {
		require.Contains(t, strings.Join(a.Left, "\n"), key+": ")
	}
	require.Len(t, a.Left, 9)

	c, err := ReadConf("testdata/cycle4/slurm.conf")
	require.NoError(t, err)
	require.Len(t, c.Files, 5)
	require.Equal(t, "/opt/azurehpc/slurm/resume_program.sh", c.Settings["resumeprogram"])
	require.Equal(t, "hpc-one-scheduler(10.1.0.4)", c.Settings["slurmctldhost"])
	require.Empty(t, c.Settings["healthcheckprogram"])
	nodes, left := Mapping(a, c)
	require.Empty(t, left)
	require.Equal(t, []Nodes{
		{Names: "hpc-one-hpc-[1-100]", Nodearray: "hpc", Guessed: true, GroupUnknown: true},
		{Names: "hpc-one-htc-[1-500]", Nodearray: "htc", Guessed: true, GroupUnknown: true},
		{Names: "hpc-one-gpu-[1-8]", Nodearray: "gpu", Guessed: true, GroupUnknown: true},
		{Feature: "dyn", Nodearray: "dynamic", Guessed: true, GroupUnknown: true},
	}, nodes)
	require.Equal(t, []Partition{{"vision", []string{"gpu"}}}, Partitions(c, nodes))
}

func TestReadsNodearraysAndGroups(t *testing.T) {
	a := read(t, "groups.json")
	require.Equal(t, []Nodearray{{Name: "hpc", Groups: 1}, {Name: "htc"}, {Name: "idle"}}, a.Nodearrays)
	require.Contains(t, a.Left, "nodearrays.hpc.shape: has no counterpart")
	c, err := ReadConf("testdata/groups.conf")
	require.NoError(t, err)
	require.Equal(t, "900", c.Settings["suspendtime"], "of a key given twice the last counts")
	nodes, left := Mapping(a, c)
	require.Equal(t, []Nodes{
		{Names: "hpc-[1-16]", Nodearray: "hpc", MachineType: "Standard_HC44rs", Group: "Standard_HC44rs_pg0"},
		{Names: "htc-[1-3]", Nodearray: "htc", MachineType: "Standard_HC44rs"},
		{Names: "fat-[01-04]", Nodearray: "fat", MachineType: "Standard_M64", Guessed: true, GroupUnknown: true},
	}, nodes)
	require.Equal(t, []string{
		"NodeName=login-1: it is no CLOUD node (State=UNKNOWN), and never touched",
		"nodearray idle: slurm.conf has no CLOUD nodes of it",
	}, left)
	require.Equal(t, []Partition{{"all", []string{"hpc", "htc", "fat"}}}, Partitions(c, nodes))
}

func TestMappingWithoutSlurmConf(t *testing.T) {
	a := read(t, "minimal.json")
	require.False(t, a.HasPassword)
	nodes, left := Mapping(a, nil)
	require.Empty(t, nodes)
	require.Equal(t, []string{"nodearray execute: its nodes' names are not known without slurm.conf; give --slurm-conf"}, left)
	require.Empty(t, Partitions(nil, nil))
}

// The longest nodearray counts, and a prefix is only one if a dash ends it.
func TestNodearrayOfAName(t *testing.T) {
	m := &mapper{Autoscale: &Autoscale{Cluster: "My Cluster", Nodearrays: []Nodearray{{Name: "gpu"}, {Name: "big_gpu"}}}, conf: &Conf{}}
	for head, want := range map[string]string{"gpu": "gpu", "x-gpu": "gpu", "my-big-gpu": "big_gpu", "biggpu": "biggpu", "my-cluster-viz": "viz"} {
		got, guessed := m.nodearray(head)
		require.Equal(t, want, got)
		require.Equal(t, want == head && want != "gpu" || want == "viz", guessed, head)
	}
}

// Credentials in the address are not copied to where anybody may read them.
func TestAddressWithCredentials(t *testing.T) {
	a, err := ReadAutoscale(strings.NewReader(`{"url": "https://admin:hunter2@cc.example.com:8443/x", "cluster_name": "c", "username": "u", "password": "p"}`))
	require.NoError(t, err)
	require.Equal(t, "https://cc.example.com:8443/x", a.URL)
	require.Contains(t, a.Left, "url: the user and password in it were left out")
}

func TestStrangeAutoscaleFiles(t *testing.T) {
	for text, want := range map[string]string{
		``:                             "it is no JSON object: it ends too early",
		`[1]`:                          "it begins with an array",
		`{"url": "https://x", `:        "it is no JSON object",
		`{} {}`:                        "something follows",
		`{}`:                           "url is missing; cluster_name is missing; username is missing",
		`{"url":7,"cluster_name":"c"}`: "url is no text; username is missing",
		`{"url":"ftp://x","cluster_name":"c","username":"u"}`:                                                                 "url is no address",
		`{"url":"https://x","cluster_name":"","username":"u"}`:                                                                "cluster_name is empty",
		`{"url":"https://x","cluster_name":"a\nb","username":"u"}`:                                                            "cluster_name holds a control character",
		`{"url":"https://x","cluster_name":"c","username":"u","password":["hunter2"]}`:                                        "password is no text",
		`{"url":"https://x","cluster_name":"c","username":"u","nodearrays":["htc"]}`:                                          "nodearrays is no object",
		`{"url":"https://x","cluster_name":"c","username":"u","nodearrays":{"htc":{"generated_placement_group_buffer":1.5}}}`: "nodearrays.htc has a generated_placement_group_buffer that is no whole number",
		`{"password": "hunter2" "x"}`:                                                                                         "mistake at byte",
	} {
		_, err := ReadAutoscale(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := ReadAutoscale(strings.NewReader(strings.Repeat(" ", maxAutoscale) + "{}"))
	require.ErrorContains(t, err, "more than 1048576 bytes")
}

func TestStrangeConfs(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"Include missing.conf":      "missing.conf: no such file",
		"Include":                   "an Include names no file",
		"Include \"\"":              "an Include names no file",
		"\n\nwhat is this":          "slurm.conf:3: \"what is this\" is no Key=Value",
		"NodeName=":                 "names nothing",
		"NodeName=\"\" CPUs=1":      "names nothing",
		"NodeName=a CPUs":           `"CPUs" is no Key=Value`,
		"Include slurm.conf":        "included once more",
		"Include " + dir:            "want a file",
		"=x":                        "is no Key=Value",
		"PartitionName=a \\\n \\\n": "",
	} {
		path := filepath.Join(dir, "slurm.conf")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := ReadConf(path)
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want, text)
	}
}

// Slurm takes spaces around the equals sign, also on lines of several keys.
func TestSpacesAroundEquals(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slurm.conf")
	text := "TreeWidth = 77\nNodeName = a-[1-2]  CPUs =4\tFeature= \"x,y\" State=CLOUD\nPartitionName=p Nodes= a-[1-2]\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	c, err := ReadConf(path)
	require.NoError(t, err)
	require.Equal(t, "77", c.Settings["treewidth"])
	require.Equal(t, []Line{{"a-[1-2]", map[string]string{"cpus": "4", "feature": "x,y", "state": "CLOUD"}}}, c.Nodes)
	require.Equal(t, []Line{{"p", map[string]string{"nodes": "a-[1-2]"}}}, c.Partitions)
}

func FuzzReadAutoscale(f *testing.F) {
	for _, name := range []string{"cycle4/autoscale.json", "groups.json", "minimal.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ReadAutoscale(strings.NewReader(text))
		if err == nil {
			require.NotEmpty(t, a.URL+a.Cluster+a.User)
		}
	})
}

func FuzzReadConf(f *testing.F) {
	for _, name := range []string{"cycle4/slurm.conf", "cycle4/azure.conf", "groups.conf"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := &Conf{Settings: make(map[string]string)}
		for _, line := range logicalLines(text) {
			if err := c.line(line, "/nonexistent"); err != nil {
				return
			}
		}
		Mapping(&Autoscale{}, c)
	})
}
