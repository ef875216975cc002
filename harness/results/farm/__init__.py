"""What is known of the boards: their health, and the places of a farm."""
