package slurm

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// tresAmount is the amount of a kind in a list such as "cpu=4,mem=8G,node=1"; empty:
// it has none.
func tresAmount(list, kind string) string {
	for part := range strings.SplitSeq(list, ",") {
		if name, amount, ok := strings.Cut(part, "="); ok && name == kind {
			return amount
		}
	}
	return ""
}

// mebibytes reads an amount of memory as Slurm prints it: 3500M, 1.5G, or plain MiB.
func mebibytes(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	unit := 1.0
	switch text[len(text)-1] {
	case 'K':
		unit = 1.0 / 1024
	case 'M':
	case 'G':
		unit = 1 << 10
	case 'T':
		unit = 1 << 20
	case 'P':
		unit = 1 << 30
	default:
		text += "M"
	}
	n, err := strconv.ParseFloat(text[:len(text)-1], 64)
	if err != nil || n < 0 || n*unit > 1<<40 || math.IsNaN(n) {
		return 0, errors.New("want an amount of memory such as 3500M")
	}
	return int64(math.Ceil(n * unit)), nil
}

// maxCount bounds a number of GPUs, cores or tasks, so that no sum of them overflows.
const maxCount = 1 << 31

// gres counts what a list of generic resources has of each name, of whatever type:
// "gres:gpu:a100:4", "gres/gpu=4", "gpu:4(S:0-1)". One without a number is one.
func gres(list string) map[string]int64 {
	counts := make(map[string]int64)
	for part := range strings.SplitSeq(list, ",") {
		part, _, _ = strings.Cut(part, "(")
		for _, prefix := range [...]string{"gres:", "gres/"} {
			part = strings.TrimPrefix(part, prefix)
		}
		words := strings.FieldsFunc(part, func(r rune) bool { return r == ':' || r == '=' })
		if len(words) == 0 || strings.Contains(part, "=") && !strings.Contains(list, "gres/"+words[0]) {
			continue // cpu=2 and the like
		}
		n := int64(1)
		if len(words) > 1 {
			if last, err := strconv.ParseInt(words[len(words)-1], 10, 64); err == nil {
				n = min(max(last, 0), maxCount)
			}
		}
		counts[words[0]] = min(counts[words[0]]+n, maxCount)
	}
	return counts
}
