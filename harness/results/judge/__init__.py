"""What records mean beside other records: comparisons, gates, trends."""
