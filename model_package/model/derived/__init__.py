"""Contract -> one thing each. A new kind of column is named by mypy in every file here (`match` + `assert_never`)."""
