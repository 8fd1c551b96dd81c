"""Networks from images to vectors: features, codes of latent autoencoders; and from vectors to logits of classes."""
