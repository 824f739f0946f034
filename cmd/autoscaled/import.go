package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"autoscaled/config"
	"autoscaled/cyclecloud"
	"autoscaled/internal/rest"
	"autoscaled/queue/slurm/azslurm"
)

func newImportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make a configuration of another autoscaler's",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newImportAzslurmCommand())
	return cmd
}

const importAzslurmHelp = `Prints a configuration that is made of the autoscale.json of CycleCloud's Slurm
integration (azslurm), and of slurm.conf with all that it includes. It says on standard
error what has no counterpart, and what was guessed. The password is not printed: put
it into the file that password_file names.

With --connect CycleCloud is asked what the files don't tell: which nodearrays there are, their
machine types, and whether their nodes are made in placement groups. Then nothing is guessed.
Without --slurm-conf the slurm.conf in config_dir of autoscale.json is read, if it is there.`

func newImportAzslurmCommand() *cobra.Command {
	var conf, password, fingerprint string
	var connect bool
	cmd := &cobra.Command{
		Use:     "azslurm autoscale.json",
		Short:   "Make a configuration of CycleCloud's Slurm integration",
		Long:    importAzslurmHelp,
		Example: "  autoscaled import azslurm /opt/azurehpc/slurm/autoscale.json > /etc/autoscaled/config.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := readAutoscale(args[0])
			if err != nil {
				return err
			}
			if conf != "" { // in a configuration paths are relative to its folder
				if conf, err = filepath.Abs(conf); err != nil {
					return err
				}
			}
			slurmConf, err := importedConf(a, conf)
			if err != nil {
				return err
			}
			if connect {
				if a.Nodearrays, err = askNodearrays(cmd.Context(), a, password, fingerprint); err != nil {
					return blindError(err)
				}
			}
			return newImported(a, slurmConf, conf, args[0], password, fingerprint).print(cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&conf, "slurm-conf", "", "the cluster's slurm.conf")
	cmd.Flags().BoolVar(&connect, "connect", false, "ask CycleCloud for nodearrays, machine types and slurm.hpc, with the password of --password-file")
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "with --connect: SHA-256 of the server's certificate, where it is of its own making")
	cmd.Flags().StringVar(&password, "password-file", "/etc/autoscaled/cyclecloud-password", "file for the password of the CycleCloud user, named in the configuration")
	return cmd
}

// print writes the configuration, and apart from it what has no counterpart.
func (m *imported) print(out, left io.Writer) error {
	if len(m.Pools) == 0 {
		tellLeft(left, m.left)
		return errors.New("import azslurm: no nodearray is known to have nodes of Slurm; give --slurm-conf the cluster's slurm.conf")
	}
	if _, err := out.Write(m.yaml()); err != nil {
		return err
	}
	tellLeft(left, m.left)
	return nil
}

func readAutoscale(path string) (*azslurm.Autoscale, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := azslurm.ReadAutoscale(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// importedConf reads the slurm.conf that was named, or the one in the folder that
// autoscale.json names. nil: there is none.
func importedConf(a *azslurm.Autoscale, path string) (*azslurm.Conf, error) {
	if path != "" {
		return azslurm.ReadConf(path)
	}
	if a.ConfigDir == "" {
		return nil, nil
	}
	c, err := azslurm.ReadConf(filepath.Join(a.ConfigDir, "slurm.conf"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return c, err
}

// askNodearrays reads the cluster's nodearrays from CycleCloud, those that azslurm scales.
func askNodearrays(ctx context.Context, a *azslurm.Autoscale, passwordFile, fingerprint string) ([]azslurm.Nodearray, error) {
	client, err := cyclecloud.New(cyclecloud.Options{
		URL: a.URL, User: a.User, Password: secret(config.SecretSource{File: passwordFile}), TLS: rest.TLS{Fingerprint: fingerprint}, UserAgent: userAgent(),
	})
	if err != nil {
		return nil, err
	}
	status, err := client.Status(ctx, a.Cluster, false)
	if errors.Is(err, rest.ErrCertificate) {
		if shown, unread := rest.Fingerprint(ctx, a.URL); unread == nil {
			return nil, fmt.Errorf("%w; the server shows one with the SHA-256 fingerprint %s: if that is what its administrator tells you, give --fingerprint", err, shown)
		}
	}
	if err != nil {
		return nil, err
	}
	var list []azslurm.Nodearray
	for i := range status.Nodearrays {
		array := &status.Nodearrays[i]
		if setting(array, "slurm.autoscale") == "false" {
			continue
		}
		out := azslurm.Nodearray{Name: array.Name}
		if setting(array, "slurm.hpc") == "true" {
			out.Groups = 1
		}
		for j := range array.Buckets {
			out.MachineTypes = append(out.MachineTypes, array.Buckets[j].Definition.MachineType)
		}
		list = append(list, out)
	}
	return list, nil
}

// setting is a switch of a nodearray's configuration, which may be a text; empty: not set.
func setting(array *cyclecloud.Nodearray, name string) string {
	raw, _ := array.Record.Lookup("Configuration." + name)
	return strings.ToLower(strings.Trim(string(raw), `"`))
}

// tellLeft prints a sentence a line.
func tellLeft(w io.Writer, left []string) {
	for _, line := range left {
		fmt.Fprintln(w, "autoscaled:", line)
	}
}
