package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.yaml.in/yaml/v3"
)

func TestSecretIsHiddenHoweverItIsPrinted(t *testing.T) {
	const value = "hunter2"
	s := NewSecret(value)
	require.Equal(t, value, s.Reveal())

	holder := struct {
		Secret  Secret
		Pointer *Secret
	}{s, &s}
	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, holder), fmt.Sprintf(verb, &s))
	}
	for _, encode := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
		text, err := encode(holder)
		require.NoError(t, err)
		shown = append(shown, string(text))
	}
	var log strings.Builder
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&log), zap.DebugLevel))
	logger.Info("x", zap.Any("any", s), zap.Stringer("stringer", s), zap.Any("holder", holder), zap.Reflect("reflect", s))
	shown = append(shown, log.String())
	for _, text := range shown {
		require.NotContains(t, text, value)
		require.NotContains(t, text, fmt.Sprintf("%x", value))
	}
	require.Contains(t, log.String(), redacted)
}

func TestSecretsNeverReachConfigOrErrors(t *testing.T) {
	const value = "hunter2"
	path := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(path, []byte(value+"\n"), 0o600))
	t.Setenv("MY_TOKEN", value)
	text := strings.Replace(minimal, "password_file: password", "password_file: "+path, 1)
	text = strings.Replace(text, "file: {path: queue.yaml}", "http: {url: 'http://q', token_env: MY_TOKEN}", 1)
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	c, err := Check(file)
	require.NoError(t, err)

	encoded, err := json.Marshal(c)
	require.NoError(t, err)
	for _, shown := range []string{fmt.Sprintf("%+v %#v", c, c.Clusters), string(encoded)} {
		require.NotContains(t, shown, value)
	}
	_, err = parse(t, strings.Replace(text, "password_file: "+path, "password: "+value, 1))
	require.Error(t, err)
	require.NotContains(t, err.Error(), value)
}

func TestSecretFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	source := SecretSource{File: path}
	for _, value := range []string{"first", " with blanks ", "two\nlines"} {
		require.NoError(t, os.WriteFile(path, []byte(value+"\r\n"), 0o600))
		s, err := source.Read()
		require.NoError(t, err)
		require.Equal(t, value, s.Reveal())
	}
	for text, want := range map[string]string{"": " is empty", "\n": " is empty", strings.Repeat("x", maxSecret+1): " is longer than 65536 bytes"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := source.Read()
		require.EqualError(t, err, "read secret: "+path+want)
	}
	require.NoError(t, os.Remove(path))
	_, err := source.Read()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Contains(t, err.Error(), path)
}

func TestSecretFromEnvironment(t *testing.T) {
	t.Setenv("SOME_PASSWORD", "x")
	s, err := SecretSource{Env: "SOME_PASSWORD"}.Read()
	require.NoError(t, err)
	require.Equal(t, "x", s.Reveal())
	_, err = SecretSource{Env: "NO_SUCH_PASSWORD"}.Read()
	require.EqualError(t, err, "environment variable NO_SUCH_PASSWORD is empty or not set")
}

func TestCheckNamesWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.yaml")
	text := "web_config_file: web.yaml\n" + strings.Replace(minimal, "user: admin", "user: admin\n      tls: {ca_file: ca.pem}", 1)
	unreadable := []string{
		path + ":1: web_config_file: " + dir + "/web.yaml: no such file or directory",
		path + ":7: clusters[0].cyclecloud.tls.ca_file: " + dir + "/ca.pem: no such file or directory",
		path + ":8: clusters[0].cyclecloud.password_file: read secret: open " + dir + "/password: no such file or directory",
	}
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	_, err := Load(path)
	require.NoError(t, err)
	_, err = Check(path)
	require.EqualError(t, err, strings.Join(unreadable, "\n"))

	require.NoError(t, os.WriteFile(path, []byte(text+"intervall: 5s\n"), 0o600))
	_, err = Check(path)
	require.EqualError(t, err, strings.Join(append(unreadable, path+`:15: intervall: unknown key; did you mean "interval"?`), "\n"))

	_, err = Check(filepath.Join(dir, "none.yaml"))
	require.EqualError(t, err, dir+"/none.yaml: no such file or directory")
}

// A variable is to blame for the file that it names.
func TestCheckBlamesTheEnvironment(t *testing.T) {
	t.Setenv("AUTOSCALED_WEB_CONFIG_FILE", "/none/web.yaml")
	path := filepath.Join(t.TempDir(), "c.yaml")
	text := "web_config_file: ''\n" + strings.Replace(minimal, "password_file: password", "password_env: PATH", 1)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	_, err := Check(path)
	require.EqualError(t, err, "environment variable AUTOSCALED_WEB_CONFIG_FILE: web_config_file: /none/web.yaml: no such file or directory")
}
