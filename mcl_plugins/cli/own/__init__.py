"""The command that writes configs for the images of a folder, and what it looks at."""
