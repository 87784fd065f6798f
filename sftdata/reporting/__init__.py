"""The HTML report and the dataset card."""
