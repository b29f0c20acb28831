"""What tests share: the command, logs, servers and oracles."""
