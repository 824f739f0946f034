package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// addOutputFlag lets people choose between a table and JSON.
func addOutputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "table", "table or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// checkOutput refuses what the flag does not know.
func checkOutput(output string) error {
	if output != "table" && output != "json" {
		return usageError(fmt.Errorf("--output %q is neither table nor json", output))
	}
	return nil
}
