package ankatest

import (
	"fmt"
	"hash/fnv"
	"math"
	"time"
)

// draw hashes the seed and the subject of a draw into 64 bits. Equal subjects give equal bits in
// every run, whatever else has been drawn before.
func draw(seed uint64, subject ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, seed)
	for _, s := range subject {
		fmt.Fprintf(h, "\x00%v", s)
	}
	// FNV leaves short inputs close together in the high bits; the splitmix64 finaliser spreads them.
	x := h.Sum64()
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// uniform draws a number from the open interval (0, 1).
func uniform(seed uint64, subject ...any) float64 {
	return (float64(draw(seed, subject...)>>12) + 0.5) / (1 << 52)
}

// lognormal draws a duration with the given median whose logarithm has standard deviation sigma.
func lognormal(median time.Duration, sigma float64, seed uint64, subject ...any) time.Duration {
	u := uniform(seed, append(subject, "radius")...)
	v := uniform(seed, append(subject, "angle")...)
	normal := math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
	return time.Duration(float64(median) * math.Exp(sigma*normal))
}

// exponential draws the waiting time for an event that happens perHour times an hour on average.
func exponential(perHour float64, seed uint64, subject ...any) time.Duration {
	hours := -math.Log(uniform(seed, subject...)) / perHour
	const farAway = 24 * 365 * 10 // hours; keeps the product below what a Duration holds
	return time.Duration(min(hours, farAway) * float64(time.Hour))
}

// identifier makes an id in the shape of a UUID, so that readers meet what real servers send.
func identifier(seed uint64, subject ...any) string {
	hi := draw(seed, append(subject, "hi")...)
	lo := draw(seed, append(subject, "lo")...)
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x",
		hi>>32, hi>>16&0xffff, hi&0xfff, lo>>48&0x3fff|0x8000, lo&0xffffffffffff)
}
