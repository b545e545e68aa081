"""Encoders for other libraries, in their own form."""
