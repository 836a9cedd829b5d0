"""Many questions on many machines: points, workers, and what they answer."""
