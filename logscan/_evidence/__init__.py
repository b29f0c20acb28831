"""Evidence: one module per kind. Each takes bytes and gives values, never a verdict."""
