package slurm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The readers below are plain: they remember nothing, share no work, expect nothing and
// leave JSON to a library. What they read, the quick ones must read.

// plainDelimitedJobs reads line by line, each with a reader of its own.
func plainDelimitedJobs(r io.Reader) (jobs []Job, err error) {
	err = eachLine(r, func(line []byte) error {
		jobs = append(jobs, Job{})
		return newTextReader().job(&jobs[len(jobs)-1], line)
	})
	return jobs, err
}

func plainDecoder(text string) *jsontext.Decoder {
	return jsontext.NewDecoder(strings.NewReader(text), json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)))
}

// plainMembers calls read for each member of an object, given the whole of its value.
func plainMembers(d *jsontext.Decoder, read func(name string, value jsontext.Value) error) error {
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return errors.Join(err, errors.New("want an object"))
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		word := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := read(word, value); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// plainJobs reads an answer's jobs.
func plainJobs(text string) (jobs []Job, err error) {
	document := plainDecoder(text)
	found := false
	err = plainMembers(document, func(name string, value jsontext.Value) error {
		switch name {
		case "jobs":
			found = true
			jobs, err = plainList(string(value))
			return err
		case "errors":
			told, err := newDecoder(strings.NewReader(string(value))).errors()
			return errors.Join(told, err)
		case "last_update":
			_, err := newDecoder(strings.NewReader(string(value))).number()
			return err
		}
		return nil
	})
	if err == nil {
		if _, err = document.ReadToken(); err == io.EOF {
			err = nil
		} else {
			err = errors.New("more follows")
		}
	}
	if err == nil && !found {
		err = errors.New("it has no jobs")
	}
	return jobs, err
}

func plainList(text string) (jobs []Job, err error) {
	list := plainDecoder(text)
	if token, err := list.ReadToken(); err != nil || token.Kind() != '[' {
		return nil, errors.Join(err, errors.New("want a list"))
	}
	for list.PeekKind() != ']' {
		var j Job
		err := plainMembers(list, func(name string, value jsontext.Value) error {
			if read := jobFields[name]; read != nil {
				return read(newDecoder(strings.NewReader(string(value))), &j)
			}
			return nil
		})
		if err == nil {
			err = checkJob(&j)
		}
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

func requireSame(t require.TestingT, text string, read func(io.Reader) ([]Job, error), want []Job, wanted error) {
	for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
		got, err := read(r)
		if wanted != nil {
			require.Error(t, err, "plain: %v", wanted)
			require.Empty(t, got)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, len(want), len(got))
		for i := range want {
			require.Equal(t, want[i], got[i])
		}
	}
}

func FuzzReadJobsAsPlain(f *testing.F) {
	for _, name := range []string{"22.05-dynamic-jobs.json", "22.05-bad-token.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(f, err)
		f.Add(string(text))
	}
	for _, value := range []string{`{"set": true, "number": 3}`, `"\ud800\n"`, `[1, {"a": [true, null]}]`, `-0.5e+3`, `01`, `"` + "\x80\x01" + `"`, `[[[]]`, `{"a" 1}`} {
		f.Add(fmt.Sprintf(`{"meta": %s, "jobs": [{"job_id": 1, "job_state": "PENDING", "cpus": 1, "x": %s}, {"x": %s, "job_state": ["A", "B"], "job_id": 12}]}`, value, value, value))
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := plainJobs(text)
		requireSame(t, text, ReadJobs, want, err)
	})
}

func FuzzReadDelimitedJobsAsPlain(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "22.05-jobs.delimited"))
	require.NoError(f, err)
	f.Add(string(text))
	f.Add("\n")
	f.Add(strings.Repeat("\x1f", len(columns)) + "\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		want, err := plainDelimitedJobs(strings.NewReader(text))
		requireSame(t, text, ReadDelimitedJobs, want, err)
	})
}

// values are what members of records have, of all kinds.
var values = []string{
	`0`, `7`, `12`, `123`, `-1`, `4294967294`, `65534`, `null`, `true`, `false`, `""`, `"a"`, `"ab"`, `"PENDING"`, `"a\"b"`, `"é\u00e9"`, `[]`, `["RUNNING","CONFIGURING"]`,
	`[ "a" ]`, `{"set": true,"infinite": false,"number": 5}`, `{"set": true,"infinite": false,"number": 55}`, `{"set":false,"infinite":true,"number":5}`, `{}`, `{"number": "x"}`, `1.5`,
}

// TestReadJobsAsPlain: whatever members records have, in whatever order and however
// they differ from the record before.
func TestReadJobsAsPlain(t *testing.T) {
	var names []string
	for name := range jobFields {
		names = append(names, name)
	}
	names = append(names, "unknown", "other", "j\\u006fb_id")
	rapid.Check(t, func(rt *rapid.T) {
		// Most documents have few members and few values, so that records are alike.
		known := rapid.SliceOfN(rapid.SampledFrom(names), 1, 12).Draw(rt, "names")
		some := rapid.SliceOfN(rapid.SampledFrom(values), 1, 6).Draw(rt, "values")
		space := rapid.SampledFrom([]string{"", " ", "\n  "}).Draw(rt, "space")
		var text strings.Builder
		text.WriteString(`{"jobs": [`)
		for i := range rapid.IntRange(1, 8).Draw(rt, "records") {
			if i > 0 {
				text.WriteString(",")
			}
			fmt.Fprintf(&text, `{"job_id": %d,"job_state": "RUNNING"`, i+1)
			for range rapid.IntRange(0, 12).Draw(rt, "members") {
				fmt.Fprintf(&text, `,%s"%s":%s%s`, space, rapid.SampledFrom(known).Draw(rt, "name"), space, rapid.SampledFrom(some).Draw(rt, "value"))
			}
			text.WriteString(`}`)
		}
		text.WriteString(`]}`)
		want, err := plainJobs(text.String())
		requireSame(rt, text.String(), ReadJobs, want, err)
	})
}

// TestReadDelimitedJobsAsPlain: texts of many parts, whose lines repeat each other's
// fields and now and then are wrong.
func TestReadDelimitedJobsAsPlain(t *testing.T) {
	words := []string{"", "N/A", "(null)", "*", "htc", "PENDING", "RUNNING", "cpu=2,mem=2000M", "mem=4G", "1000M", "2G", "1-00:00:00", "NO", "1-9%2", "x\x80y"}
	rapid.Check(t, func(rt *rapid.T) {
		padding := strings.Repeat("p", rapid.SampledFrom([]int{0, 20, 5000}).Draw(rt, "padding"))
		wrong := rapid.IntRange(0, 300).Draw(rt, "wrong line")
		numbers := rapid.SliceOfN(rapid.IntRange(0, 99), 8, 8).Draw(rt, "numbers")
		var text strings.Builder
		for i := range rapid.IntRange(0, 200).Draw(rt, "lines") {
			for c := range columns {
				value := words[(i*numbers[c%8]+c)%len(words)]
				switch columns[c].name {
				case "JobID":
					value = strconv.Itoa(i + 1)
				case "State":
					value = words[5+i%2]
				case "Feature":
					value = padding
				case "TimeLimit", "MinMemory":
					value = map[bool][2]string{true: {"1-00:00:00", "1000M"}, false: {"1:00:00", "2G"}}[i%3 == 0][strings.IndexByte("TM", columns[c].name[0])]
				case "Partition", "Reason", "NodeList", "Licenses", "Dependency", "tres-alloc", "ArrayTaskID", "OverSubscribe":
				default:
					value = strconv.Itoa(numbers[c%8])
				}
				text.WriteString(value + "\x1f")
			}
			if i == wrong {
				text.WriteString("x")
			}
			text.WriteString("\n")
		}
		want, err := plainDelimitedJobs(strings.NewReader(text.String()))
		got, gotErr := ReadDelimitedJobs(strings.NewReader(text.String()))
		if err != nil {
			require.ErrorContains(rt, gotErr, err.Error())
			return
		}
		require.NoError(rt, gotErr)
		require.Len(rt, got, len(want))
		for i := range want {
			require.Equal(rt, want[i], got[i])
		}
	})
}

func TestDecimalIsAsParseInt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`[-+]?[0-9_x. ]{0,3}[0-9]{0,20}`).Draw(rt, "text")
		want, err := strconv.ParseInt(text, 10, 64)
		got, ok := decimal([]byte(text))
		require.Equal(rt, err == nil, ok)
		if ok {
			require.Equal(rt, want, got)
		}
	})
}

// TestLinesAreBounded: a line that never ends is an error and fills no memory.
func TestLinesAreBounded(t *testing.T) {
	_, err := ReadDelimitedJobs(endless{})
	require.ErrorContains(t, err, "line 1: ")
	require.ErrorContains(t, err, "too long")
	_, err = ReadJobs(io.MultiReader(strings.NewReader(`{"jobs": [], "x": "`), iotest.ErrReader(errors.New("cut off"))))
	require.ErrorContains(t, err, "cut off")
	_, err = ReadDelimitedJobs(iotest.ErrReader(errors.New("cut off")))
	require.ErrorContains(t, err, "line 1: cut off")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
