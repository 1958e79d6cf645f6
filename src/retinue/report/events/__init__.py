"""What happens during an apply: progress, lines of JSON, the closing report."""
