// Package project holds no code: its tests hold the project together. They
// fail where a package imports what docs/architecture.md does not allow it,
// where the domain reads a clock, where a page of the documentation lists
// another set of metrics, reasons or libraries than the code has, where a
// dashboard or an alert asks for a metric that does not exist, and where the
// configuration that the README shows would not load.
//
// Pages that are generated from code are rewritten by
//
//	go test ./internal/project -update
package project
