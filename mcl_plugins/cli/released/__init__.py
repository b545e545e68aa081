"""Each method on the numbers of its released implementation."""
