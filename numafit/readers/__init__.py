"""Text to model: one file a source. Imported on first use, so that numafit needs numpy alone."""
