"""Who is calling: the clients of a site, their keys, and the tokens that they sign (conformance SEC rows)."""
