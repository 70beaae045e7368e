"""The pages, one module for each section of the navigation."""
