"""Shows Records to people: in a terminal, in HTML, in Markdown and in plots."""
