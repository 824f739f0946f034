package autoscale

// slab hands out short slices cut from long ones. A plan makes very many short
// slices that live as long as it does; an allocation for each would cost more than
// what is done with them.
type slab[T any] struct {
	left []T
	// length is how many elements were allocated last.
	length int
}

// A slab's first allocation is short, for most plans are small, and each later one
// is twice as long, up to slabLongest.
const (
	slabFirst   = 16
	slabLongest = 1024
)

// make returns a slice of n zero elements that nobody else has. Appending to it
// copies it.
func (a *slab[T]) make(n int) []T {
	if n > len(a.left) {
		a.length = min(max(2*a.length, slabFirst), slabLongest)
		a.left = make([]T, max(n, a.length))
	}
	s := a.left[:n:n]
	a.left = a.left[n:]
	return s
}

// copy returns a copy of s.
func (a *slab[T]) copy(s []T) []T {
	c := a.make(len(s))
	copy(c, s)
	return c
}
