"""The Dogit Lens page: every patch's residual stream, at every layer, read by the final norm and the head."""
