"""Gates, and the promotion that they guard."""
