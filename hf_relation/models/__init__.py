"""Model families; each has a config, weights, a forward pass and an output class."""
