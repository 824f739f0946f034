package cyclecloud

import (
	"fmt"
	"strconv"
	"strings"
)

// name makes the set ask for these names: a format with the number that the last
// digits of the first name are, and that number to count from. Names that the
// server would not count to are refused; leading zeros belong to the format.
func (s *CreationSet) name(names []string) error {
	if len(names) == 0 {
		return nil
	}
	end := strings.LastIndexAny(names[0], "0123456789") + 1
	begin := end
	for begin > 0 && names[0][begin-1] >= '0' && names[0][begin-1] <= '9' {
		begin--
	}
	for begin < end-1 && names[0][begin] == '0' {
		begin++
	}
	number, err := strconv.Atoi(names[0][begin:end])
	if err != nil || strings.Contains(names[0], "%") || len(names) != s.Count {
		return refuse("create nodes: %d nodes can't be called %q", s.Count, names)
	}
	format := names[0][:begin] + "%d" + names[0][end:]
	for i, name := range names {
		if name != fmt.Sprintf(format, number+i) {
			return refuse("create nodes: names %q don't follow one another", names)
		}
	}
	s.NameFormat, s.NameOffset = format, &number
	return nil
}
