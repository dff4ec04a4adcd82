"""What single attention heads do: measured, typed against chance, and gathered over many pictures."""
