"""numafit: a NUMA topology fitting engine."""
