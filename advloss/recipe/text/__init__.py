"""A recipe as text: found, read with the line of every value, shown, and brought from an older format to today's."""
