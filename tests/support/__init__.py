"""What several groups of tests stand on."""
