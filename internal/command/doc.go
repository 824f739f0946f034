// Package command runs programs whose output is an answer: with a bound in time and one
// in size, with their exit status checked, and with what they said on standard error in
// the error. Nothing of theirs is left running.
package command
