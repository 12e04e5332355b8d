"""External mirrors: brought to the published generation, each as one transaction."""
