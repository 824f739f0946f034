// Package config turns a YAML file, the environment and defaults into a checked
// [Config].
//
// The structs in config.go are the one description of every key: its name,
// type, default, bounds and help. From them come the strict reading of the file
// (spec.go, nodes.go), the environment's names and the defaults (merge.go), the
// JSON Schema (schema.go) and the list of keys for the documentation.
//
// [Load] tells all mistakes at once, each with its line and, where something
// known is spelt alike, with that. Viper merges file, environment and defaults
// and does not leave merge.go: it would accept misspelt keys, knows no lines,
// lower-cases keys and splits them on dots. So whatever a user names is an
// entry of a list with a name, never a key.
//
// Secrets are not in the file. Keys that end in _file name a file that is read
// whenever the secret is needed, keys that end in _env a variable of the
// environment. A [Secret] prints as <redacted> however it is printed.
package config
