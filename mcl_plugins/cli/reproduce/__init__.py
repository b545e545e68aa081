"""The rows of the pages' tables, and the chains of trainings that reproduce them."""
