package githubtest

import "time"

// Clock tells the server what time it is: when tokens end, when jobs came.
type Clock interface {
	Now() time.Time
}

// ClockFunc makes a Clock of a function, such as time.Now.
type ClockFunc func() time.Time

// Now calls the function.
func (f ClockFunc) Now() time.Time { return f() }
