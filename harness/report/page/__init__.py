"""What the report's page is made of, besides the templates."""
