"""What a fleet is like, for programs that watch it."""
