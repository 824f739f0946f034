package queue

import (
	_ "embed"
	"slices"
)

//go:embed document.schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of the demand document. [Parse]
// refuses everything that the schema does, and some that no schema can say:
// ids that are given twice, for instance.
func Schema() []byte { return slices.Clone(schema) }
