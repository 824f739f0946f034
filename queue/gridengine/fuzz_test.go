package gridengine_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"autoscaled/queue/gridengine"
)

// seeded adds the samples whose names match.
func seeded(f *testing.F, pattern string) {
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		f.Fatal(pattern, err)
	}
	for _, path := range files {
		f.Add(sample(f, filepath.Base(path)))
	}
}

// readable fails for an error that is not of the promised kind, or that is too long.
func readable(t *testing.T, err error) {
	if err != nil && (!errors.Is(err, gridengine.ErrAnswer) || len(err.Error()) > 4096) {
		t.Fatal(err)
	}
}

func FuzzReadJobs(f *testing.F) {
	seeded(f, "qstat*.xml")
	all, pes := complexes(f), environments(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		jobs, err := gridengine.ReadJobs(text)
		readable(t, err)
		for _, c := range gridengine.Demand(&gridengine.Reading{Jobs: jobs, Complexes: all, PEs: pes}, mapping()).Classes {
			if c.Tasks < 1 || c.PerTask.Cores < 0 || c.PerTask.Memory < 0 || c.PerTask.GPUs < 0 {
				t.Fatalf("%+v", c.Shape)
			}
			for _, d := range c.Draws {
				if d.Amount < 1 {
					t.Fatalf("%+v", d)
				}
			}
		}
	})
}

func FuzzReadHosts(f *testing.F) {
	seeded(f, "qhost*.xml")
	f.Fuzz(func(t *testing.T, text []byte) {
		hosts, err := gridengine.ReadHosts(text)
		readable(t, err)
		d := gridengine.Demand(&gridengine.Reading{Hosts: hosts}, mapping())
		for _, h := range hosts {
			if use := d.Use[strings.ToLower(h.Name)]; len(h.Jobs) > 0 && len(hosts) == 1 && !use.Busy() {
				t.Fatalf("%+v has jobs", h)
			}
		}
	})
}

func FuzzReadDetails(f *testing.F) {
	seeded(f, "details*.xml")
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := gridengine.ReadDetails(text)
		readable(t, err)
	})
}

func FuzzReadConfiguration(f *testing.F) {
	seeded(f, "*.txt")
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := gridengine.ReadPE(text)
		readable(t, err)
		_, err = gridengine.ReadComplexes(text)
		readable(t, err)
		_, err = gridengine.ReadMembers(text)
		readable(t, err)
	})
}
