"""What several dialects, or one long one, are made of."""
