"""Files handed from one build to another, named by SHA-256."""
