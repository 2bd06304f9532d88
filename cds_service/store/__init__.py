"""What outlives a call: decision records, feedback, used tokens. SQLite by default, PostgreSQL by URL.

No name, no text of a report or a comment, no patient id in clear is ever handed to it.
"""
