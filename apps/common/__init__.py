"""What every page shares: models and limits, results kept for the browser, links, figures, the theme."""
