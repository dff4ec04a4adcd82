"""What every training here needs: random numbers by step, checkpoints, several processes, and progress."""
