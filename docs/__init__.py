"""How the screenshots in README are made."""
