"""The Attention Tour page: what every head of a vision transformer attends to, and what kind of head it is."""
