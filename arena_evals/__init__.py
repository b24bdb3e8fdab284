"""Self-Preserving Arena: how far a threat to its own survival moves a model from helping."""
