"""The networks: generators, discriminators, autoencoders with their bottlenecks, and the layers of all."""
