package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"autoscaled/autoscale/web"
)

func newStatusCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show on a page how the running daemon stands",
		Long: `Asks the running daemon how its last tick went: what is wrong, the nodes of its pools,
what is under way, why jobs wait, and, of a Slurm cluster with power saving, how long each
node that Slurm waits for still has. Neither queue nor cloud is read for it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			client, err := controlClient(cmd)
			if err != nil {
				return err
			}
			text, err := client.Status(cmd.Context())
			if errors.Is(err, web.ErrNoDaemon) {
				return fmt.Errorf("%w; autoscaled plan tells what one would do", err)
			}
			if err != nil {
				return err
			}
			var d statusDocument
			if err := json.Unmarshal(text, &d); err != nil {
				return fmt.Errorf("read the daemon's answer: %w", err)
			}
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), d)
			}
			return writeStatus(cmd.OutOrStdout(), d)
		},
	}
	addOutputFlag(cmd, &output)
	return cmd
}
