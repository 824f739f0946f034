package main

import (
	"github.com/spf13/cobra"

	"autoscaled/config"
	"autoscaled/queue"
)

func newSchemaCommand() *cobra.Command {
	var ofQueue bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration, for editors",
		Example: `  autoscaled schema > autoscaled.schema.json
  # then, at the top of the configuration:
  # yaml-language-server: $schema=autoscaled.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text := config.Schema()
			if ofQueue {
				text = queue.Schema()
			}
			_, err := cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&ofQueue, "queue", false, "of the demand document instead")
	return cmd
}
