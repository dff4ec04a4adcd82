"""What an SAE is worth: formulas on one batch, sums over many, and images that it was not trained on."""
