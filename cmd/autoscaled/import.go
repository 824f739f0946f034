package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

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

Without --slurm-conf the slurm.conf in config_dir of autoscale.json is read, if it is there.`

func newImportAzslurmCommand() *cobra.Command {
	var conf, password string
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
			m := newImported(a, slurmConf, conf, args[0], password)
			if len(m.Pools) == 0 {
				tellLeft(cmd.ErrOrStderr(), m.left)
				return errors.New("import azslurm: no nodearray is known to have nodes of Slurm; give --slurm-conf the cluster's slurm.conf")
			}
			if _, err := cmd.OutOrStdout().Write(m.yaml()); err != nil {
				return err
			}
			tellLeft(cmd.ErrOrStderr(), m.left)
			return nil
		},
	}
	cmd.Flags().StringVar(&conf, "slurm-conf", "", "the cluster's slurm.conf")
	cmd.Flags().StringVar(&password, "password-file", "/etc/autoscaled/cyclecloud-password", "file for the password of the CycleCloud user, named in the configuration")
	return cmd
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

// tellLeft prints a sentence a line.
func tellLeft(w io.Writer, left []string) {
	for _, line := range left {
		fmt.Fprintln(w, "autoscaled:", line)
	}
}
