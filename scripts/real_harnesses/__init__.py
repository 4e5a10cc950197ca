"""What `scripts/real-harnesses` is made of: the programs, the world that one scenario runs in, and the scenarios."""
