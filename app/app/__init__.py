"""The prediction service: it serves any problem's champion bundle and knows no column name."""
