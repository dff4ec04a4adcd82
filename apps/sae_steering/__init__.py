"""SAE Steering: which latents of a sparse autoencoder are active where, what each does, and what changing them does."""
