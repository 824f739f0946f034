#!/usr/bin/env bash
# Runs each fuzz target of the module for FUZZTIME (default 30s). A failing input
# is kept by the go command in the package's testdata/fuzz.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${GO:=go}" "${FUZZTIME:=30s}"

found=0
while IFS=: read -r file target; do
    found=$((found + 1))
    printf '== %s in %s for %s\n' "$target" "$(dirname "$file")" "$FUZZTIME"
    "$GO" test -run '^$' -fuzz "^${target}\$" -fuzztime "$FUZZTIME" "./$(dirname "$file")"
done < <(grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/^\.\///; s/:func /:/')
if [ "$found" -eq 0 ]; then
    echo 'make fuzz: no fuzz target found' >&2
    exit 1
fi
