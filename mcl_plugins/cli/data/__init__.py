"""Small data sets made from images that installed packages contain."""
