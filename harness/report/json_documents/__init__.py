"""What commands print with `--json`: a struct for each document, and how it is made."""
