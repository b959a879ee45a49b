"""Programs for whoever works on the project: what is generated from the code, and how."""
