"""Pictures of hosts, made from their values alone."""
