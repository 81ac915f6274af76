package main

import "github.com/spf13/cobra"

// commands lists every command, in the order of a first day with Grapevine.
func commands() []*cobra.Command {
	return []*cobra.Command{
		newDemoCommand(),
		newUpCommand(),
		newRunCommand(),
		newSimulateCommand(),
		newStatusCommand(),
		newReportCommand(),
		newExplainCommand(),
		newBacktestCommand(),
		newVerifyCommand(),
		newRewardsCommand(),
		newDeadLettersCommand(),
		newRebuildCommand(),
		newMigrateCommand(),
		newAccessCommand(),
		newCheckCommand(),
	}
}
