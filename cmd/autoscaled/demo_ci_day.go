package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"autoscaled/internal/fleet"
)

// ciDay says what jobs a day of CI has. It is a recipe and no record of any real day: the
// numbers were chosen so that the night is quiet and the fleet is short of slots at the
// two peaks. Equal seeds give equal days.
type ciDay struct {
	Start time.Time
	Span  time.Duration
	// Night is how many jobs an hour come when nothing is up; each of the Peaks adds to it.
	Night float64
	Peaks []ciPeak
	Kinds []ciKind
	// Lengths are lognormal, with this median and this standard deviation of the
	// logarithm, and cut to Shortest and Longest.
	Median            time.Duration
	Sigma             float64
	Shortest, Longest time.Duration
	// Cancelled is the share of jobs that are cancelled, waiting or running, an
	// exponentially distributed time after they came. CancelMean is its mean.
	Cancelled  float64
	CancelMean time.Duration
}

// ciPeak is a wave of arrivals in the form of a bell.
type ciPeak struct {
	Hour  float64 // of the day, at which it is highest
	More  float64 // jobs an hour that it brings then
	Width float64 // its standard deviation, in hours
}

// ciKind is what a job may ask for: a scale set, which has a pool of its own.
type ciKind struct {
	Set           string // the label of the jobs
	Pool          string
	Template, Tag string
	Share         float64 // of all jobs; together they are 1
	Fixed         int     // VMs of a fixed fleet for comparison; together they are all slots
}

// standardDay is the day that the demo plays.
func standardDay() ciDay {
	return ciDay{
		Start: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC), // a Tuesday
		Span:  24 * time.Hour,
		Night: 8,
		Peaks: []ciPeak{{Hour: 10, More: 150, Width: 1}, {Hour: 15, More: 190, Width: 1.25}},
		Kinds: []ciKind{
			{Set: "macos-15", Pool: "xcode-16", Template: "macos-15-xcode-16", Tag: "v2", Share: 0.45, Fixed: 14},
			{Set: "macos-14", Pool: "xcode-15", Template: "macos-14-xcode-15", Tag: "v1", Share: 0.2, Fixed: 6},
			{Set: "macos-13", Pool: "intel", Template: "macos-13-intel", Tag: "base", Share: 0.35, Fixed: 20},
		},
		Median: 254 * time.Second, Sigma: 1, Shortest: 10 * time.Second, Longest: 2 * time.Hour,
		Cancelled: 0.06, CancelMean: 3 * time.Minute,
	}
}

// rate is how many jobs an hour come at a time.
func (d ciDay) rate(at time.Time) float64 {
	hour := math.Mod(at.Sub(d.Start).Hours(), 24)
	rate := d.Night
	for _, p := range d.Peaks {
		x := (hour - p.Hour) / p.Width
		rate += p.More * math.Exp(-x*x/2)
	}
	return rate
}

// jobs draws the day: a Poisson process of the highest rate there could be, of whose
// arrivals each stays with the probability that makes the rate the hour's (thinning).
func (d ciDay) jobs(seed uint64) (jobs []fleet.Job) {
	random := rand.New(rand.NewPCG(seed, 254))
	highest := d.Night
	for _, p := range d.Peaks {
		highest += p.More
	}
	for at := d.Start; ; {
		at = at.Add(time.Duration(random.ExpFloat64() / highest * float64(time.Hour)))
		if at.Sub(d.Start) >= d.Span {
			return jobs
		}
		if random.Float64()*highest < d.rate(at) {
			jobs = append(jobs, d.job(random, at))
		}
	}
}

func (d ciDay) job(random *rand.Rand, at time.Time) fleet.Job {
	length := time.Duration(float64(d.Median) * math.Exp(d.Sigma*random.NormFloat64()))
	j := fleet.Job{At: at, Length: min(max(length, d.Shortest), d.Longest).Round(time.Second)}
	which := random.Float64()
	for _, k := range d.Kinds {
		j.Set = k.Set
		if which -= k.Share; which < 0 {
			break
		}
	}
	if random.Float64() < d.Cancelled {
		j.CancelAfter = time.Duration(random.ExpFloat64()*float64(d.CancelMean)) + time.Second
	}
	return j
}

// print tells what the day is made of, so that nobody takes it for a real one.
func (d ciDay) print(out io.Writer, jobs int) {
	fmt.Fprintf(out, "A made-up day of CI on 20 simulated Macs (10 arm64, 10 Intel, %d slots in all): %d jobs, drawn from the seed\n\n", ciSlots, jobs)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("arrivals", "%g an hour at night%s", d.Night, d.peaks())
	row("lengths", "lognormal, median %s, sigma %g, cut to %s and %s", d.Median, d.Sigma, d.Shortest, d.Longest)
	row("cancelled", "%g %% of the jobs, %s after they came on average", 100*d.Cancelled, d.CancelMean)
	for _, k := range d.Kinds {
		row(k.Set, "%2g %% of the jobs; template %s, tag %s", 100*k.Share, k.Template, k.Tag)
	}
	fmt.Fprintln(out)
}

func (d ciDay) peaks() (text string) {
	for _, p := range d.Peaks {
		text += fmt.Sprintf(", %g more at %g:00 (a bell %g h wide to each side)", p.More, p.Hour, p.Width)
	}
	return text
}
