// Package labels tells which pools a CI job may use by the labels it asks for:
// GitHub's runs-on, GitLab's tags. An operator writes ordered rules; the first that
// a job meets says which labels its pool must have.
//
//	{Name: "xcode", Labels: []string{`macos-(\d+)`, `xcode-(?P<xcode>[\d.]+)`},
//		Select: map[string]string{"template": "macos-$1-xcode-${xcode}"}}
//
// # When a job meets a rule
//
// Each pattern matches one of the job's labels, whole and without regard to case,
// as GitHub compares labels; and each of the job's labels is matched by a pattern,
// one of Labels or of Optional. A label that no pattern speaks of asks for something
// that the pool is not known to have: a machine started for such a job would never
// get it. Exempt are the labels that every self-hosted runner on a Mac has by
// GitHub's documentation, self-hosted and macOS: they may be asked for without a
// pattern. The other operating systems' (linux, windows) and the architectures' (X64,
// ARM, ARM64) are labels like any other, for not every Mac has them.
//
// A pattern with captures that finds two labels and different captures in them meets
// nothing: a job that asks for macos-14 and macos-15 at once is for neither. That, and
// the demand that all labels be matched, is our own choice.
//
// # What is filled in
//
// In the values of Select, $1 or ${1} is the first capture of the rule, ${name} a named
// one, and $$ a dollar sign. The captures of a rule's patterns are numbered in order,
// those of the first pattern first, named ones included. $12 is the twelfth, ${1}2 the
// first and a 2. A job for which a value would be empty does not meet the rule.
package labels
