"""Views of scorecards: text, tables, pages. Nothing is measured or judged here."""
