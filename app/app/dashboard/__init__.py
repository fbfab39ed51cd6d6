"""The dashboard: what is known of one contract's model, on pages for people. See docs/dashboard.md.

reading   where boards come from           verdict   a board in words
figures   a board's figures, asked for     summary   cards and tables
canvas    SVG elements and scales          charts    traffic, quality, drift, distributions
session   who has signed in                entrance  who may see what
trial     the form made of the contract    routes    pages and what they answer
"""
