"""How the pictures in README are made."""
