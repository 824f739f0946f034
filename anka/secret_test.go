package anka_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/anka"
)

func TestSecretsDoNotPrint(t *testing.T) {
	r := anka.StartRequest{TemplateID: "t", Script: anka.Script("export TOKEN=abcdef123456"), Metadata: anka.Metadata{"a": anka.Text("b")}}
	restart := anka.RestartRequest{InstanceID: "i", VNCPassword: "pass-word"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text := fmt.Sprintf(verb, r) + fmt.Sprintf(verb, &r) + fmt.Sprintf(verb, restart) + fmt.Sprintf(verb, r.Script)
		require.NotContains(t, text, "abcdef123456", verb)
		require.NotContains(t, text, fmt.Sprintf("%x", "abcdef"), verb)
		require.NotContains(t, text, "pass-word", verb)
	}
	written, err := json.Marshal([]any{r, restart})
	require.NoError(t, err)
	require.NotContains(t, string(written), "abcdef")
	require.NotContains(t, string(written), base64.StdEncoding.EncodeToString(r.Script)[:12])
	require.NotContains(t, string(written), "pass-word")
	require.Equal(t, "<redacted>", fmt.Sprint(r.Script))
	require.Empty(t, fmt.Sprint(anka.Hidden("")))
}

// A controller that repeats what it was sent, wherever it is cut, shows no
// script and no password.
func TestErrorsRepeatNoScript(t *testing.T) {
	script := anka.Script("#!/bin/sh\nexport CONFIG=\"eyJhIjoiYiJ9c3VwZXJzZWNyZXQ=\"\n./run.sh --jitconfig \"$CONFIG\" &\n" + strings.Repeat("# filler words\n", 600))
	encoded := base64.StdEncoding.EncodeToString(script)
	quoted, err := json.Marshal(string(script))
	require.NoError(t, err)
	for name, words := range map[string]string{
		"base64":           `bad request: ` + encoded,
		"piece of base64":  `near ` + encoded[24:60],
		"plain":            string(quoted[1 : len(quoted)-1]),
		"a line":           `sh: export CONFIG=eyJhIjoiYiJ9c3VwZXJzZWNyZXQ= failed`,
		"the whole body":   `{\"vmid\":\"t\",\"startup_script\":\"` + encoded + `\"}`,
		"another's script": `{\"startup_script\":\"c29tZXRoaW5nIHNlY3JldA==\"}`,
	} {
		for _, style := range []answer{fail(200, words), fail(400, words), {400, words}, {200, words}, {200, `{"startup_script":"` + encoded}} {
			_, err := newController(t).on("POST /api/v1/vm", style).client(t).StartInstances(t.Context(), anka.StartRequest{TemplateID: "t", Script: script})
			require.Error(t, err, name)
			for _, secret := range []string{"eyJhIjoi", "jitconfig", encoded[:16], encoded[24:40], "c29tZXRoaW5n"} {
				require.NotContains(t, err.Error(), secret, name)
			}
		}
	}
	err = newController(t).on("POST /api/v1/rpc/vm/restart", fail(400, "password pass-word is bad")).client(t).
		RestartInstance(t.Context(), anka.RestartRequest{InstanceID: "i", VNCPassword: "pass-word"})
	require.ErrorContains(t, err, "password <redacted> is bad")
}

func TestMalformedAnswersShowNoPrivateMembers(t *testing.T) {
	for _, body := range []string{
		`{"status":"OK","body":[{"instance_id":7,"vm":{"vminfo":{"vnc_connection_string":"vnc://:s3cret-pass@h"}}}]}`,
		`{"status":"OK","body":[{"vm":{"startup_script":{"stdout":"s3cret-pass \" s3cret-pass`,
		`{"x":{"Script":"s3cret-pass","vnc_password" : "s3cret-pass"}}`,
	} {
		_, err := newController(t).on("GET /api/v1/vm", answer{200, body}).client(t).Instances(t.Context())
		require.ErrorIs(t, err, anka.ErrMalformed)
		require.NotContains(t, err.Error(), "s3cret", body)
	}
}

func TestMetadataValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := anka.Metadata{
			"text":   anka.Text(rapid.String().Draw(t, "text")),
			"number": anka.Number(rapid.Int64().Draw(t, "number")),
			"flag":   anka.Flag(rapid.Bool().Draw(t, "flag")),
		}
		written, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		var got anka.Metadata
		if err := json.Unmarshal(written, &got); err != nil {
			t.Fatal(err)
		}
		for name, v := range sent {
			if got[name] != v {
				t.Fatalf("%s: sent %v, got %v", name, v, got[name])
			}
		}
	})
	for _, odd := range []string{"null", "1.5", "[1]", `{"a":2}`, "99999999999999999999"} {
		var v anka.Value
		require.NoError(t, json.Unmarshal([]byte(odd), &v))
		require.Equal(t, odd, v.String(), "kept")
		_, isText := v.Text()
		_, isNumber := v.Number()
		_, isFlag := v.Flag()
		require.False(t, isText || isNumber || isFlag)
		err := newController(t).client(t).UpdateInstance(t.Context(), "i", anka.InstanceUpdate{Metadata: anka.Metadata{"a": v}})
		require.ErrorIs(t, err, anka.ErrInvalidInput, "not sent")
	}
	n, ok := anka.Number(math.MinInt64).Number()
	require.True(t, ok)
	require.EqualValues(t, math.MinInt64, n)
	require.Equal(t, "a true -9223372036854775808", anka.Text("a").String()+" "+anka.Flag(true).String()+" "+anka.Number(n).String())
}
