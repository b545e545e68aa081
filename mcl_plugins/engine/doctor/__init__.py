"""What is normal in a pre-training, and how a training shows that something is wrong."""
