package ankatest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// curlExamples are the reference's examples, with the ids of the test's world in place
// of theirs: flags and bodies as an operator copies them. A word in braces is filled in from what
// an earlier answer told.
var curlExamples = []struct{ flags, path, body, tells string }{
	{"-X POST -H", "/api/v1/vm", `{"vmid": "` + javaID + `", "count": 2}`, "instance"},
	{"-X PUT -H", "/api/v1/vm?id={instance}", `{"name": "My VM name"}`, ""},
	{"-H", "/api/v1/vm", "", ""},
	{"-H", "/api/v1/vm?id={instance}", "", ""},
	{"-H", "/api/v1/node", "", ""},
	{"-H", "/api/v1/node?id=" + proID, "", ""},
	{"-X POST -H", "/api/v1/node/config", `{"node_id": "` + proID + `", "name": "MacPro1", "max_vm_count": 5}`, ""},
	{"", "/api/v1/registry/vm", "", ""},
	{"", "/api/v1/registry/vm?id=" + buildID, "", ""},
	{"-X POST", "/api/v1/registry/vm/distribute", `{"template_id": "` + javaID + `"}`, "distribution"},
	{"", "/api/v1/registry/vm/distribute", "", ""},
	{"", "/api/v1/registry/vm/distribute?id={distribution}", "", ""},
	{"-X POST -H", "/api/v1/image", `{"id": "{instance}", "target_vm_id": "` + javaID + `", "tag": "my-new-vm-1901", "revert_before_push": true, "revert_tag": "latest-vm-1801"}`, "image"},
	{"", "/api/v1/image", "", ""},
	{"", "/api/v1/image?id={image}", "", ""},
	{"-X DELETE -H", "/api/v1/vm", `{"id": "{instance}"}`, ""},
	{"-X DELETE", "/api/v1/registry/revert?id=" + buildID, "", ""},
	{"-X DELETE", "/api/v1/registry/revert?id=" + buildID + "&tag=t1", "", ""},
	{"-X DELETE", "/api/v1/registry/revert?id=" + buildID + "&number=0", "", ""},
	{"-X DELETE", "/api/v1/registry/vm?id=" + javaID, "", ""},
	{"-X POST", "/api/v1/group", `{"name": "GreateNodes", "description": "best of my macs"}`, "group"},
	{"", "/api/v1/group", "", ""},
	{"-X PUT", "/api/v1/group?id={group}", `{"name": "Creme-de-la-nodes", "description": "A selected group of my favorite computers"}`, ""},
	{"-X POST", "/api/v1/node/group", `{"group_ids": ["{group}"], "node_ids": ["` + miniID + `"]}`, ""},
	{"-X DELETE", "/api/v1/node/group", `{"group_ids": ["{group}"], "node_ids": ["` + miniID + `"]}`, ""},
	{"-X DELETE", "/api/v1/group?id={group}", "", ""},
	{"", "/api/v1/usb", "", ""},
	{"-X DELETE -H", "/api/v1/node", `{"node_id": "` + proID + `"}`, ""},
}

// Every curl example of the reference works against controllers of both ages: most of those with a
// body send it as curl does by itself, as a form.
func TestCurlExamples(t *testing.T) {
	for _, cfg := range []Config{aged(), small()} {
		f := start(t, cfg)
		require.NoError(t, f.server.PushTag("build", TagConfig{Tag: "t2", SizeGB: 21}))
		told := map[string]string{}
		for _, e := range curlExamples {
			path, body := e.path, e.body
			for name, id := range told {
				path, body = strings.ReplaceAll(path, "{"+name+"}", id), strings.ReplaceAll(body, "{"+name+"}", id)
			}
			answer := f.curl(e.flags, path, body)
			require.Equal(t, "OK", answer["status"], "curl %s %s: %v", e.flags, path, answer)
			if e.tells != "" {
				told[e.tells] = idIn(t, answer["body"])
				f.after(time.Minute)
			}
		}
	}
}

// curl does what curl does with these flags.
func (f fixture) curl(flags, path, body string) (answer object) {
	f.Helper()
	method := http.MethodGet
	if words := strings.Fields(flags); len(words) > 1 && words[0] == "-X" {
		method = words[1]
	}
	request, err := http.NewRequest(method, f.url+path, strings.NewReader(body))
	require.NoError(f, err)
	request.Header.Set("Accept", "*/*")
	switch {
	case strings.Contains(flags, "-H"):
		request.Header.Set("Content-Type", "application/json")
	case body != "":
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(f, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(f, err)
	require.NoError(f, json.Unmarshal(text, &answer), "%s", text)
	return answer
}

// idIn finds the id that an answer tells.
func idIn(t *testing.T, body any) string {
	switch b := body.(type) {
	case []any:
		return b[0].(string)
	case object:
		for _, key := range []string{"request_id", "id"} {
			if id, ok := b[key].(string); ok {
				return id
			}
		}
	}
	require.Fail(t, "no id", "%v", body)
	return ""
}
