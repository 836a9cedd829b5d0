"""Questions of planners, asked of a fleet's own verbs: nothing here decides what fits."""
