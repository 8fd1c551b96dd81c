"""The lab: two-dimensional games, recorded while the plain executor plays them, on one page that shows them."""
